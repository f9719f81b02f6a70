/// What a part of the picture means, which decides how it looks.
///
/// Nothing is said by colour alone: a state is a word, the chosen line has a `>`, the sorted column a triangle.
package enum Style: UInt8, Hashable, Sendable {
    /// Text.
    case plain
    /// Names of columns and parts.
    case heading
    /// What one reads last.
    case faint
    /// The bars of a chart.
    case chart
    /// All is well.
    case good
    /// Worth a look.
    case fair
    /// Something is wrong.
    case bad
    /// The chosen line.
    case selected

    /// The parameters of SGR (ECMA-48, 8.3.117) that make it look so; without colour only bold and reverse are left.
    func parameters(hasColour: Bool) -> String {
        switch self {
        case .plain: "0"
        case .heading: "0;1"
        case .faint: hasColour ? "0;2" : "0"
        case .chart: hasColour ? "0;36" : "0"
        case .good: hasColour ? "0;32" : "0"
        case .fair: hasColour ? "0;33" : "0"
        case .bad: hasColour ? "0;1;31" : "0;1"
        case .selected: "0;7"
        }
    }
}
