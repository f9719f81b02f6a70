import Model

/// How a series is called in OpenMetrics, and what its labels are.
///
/// See: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md
struct MetricName: Hashable, Comparable {
    /// The family's name, with its unit and without `_total`.
    var family: String
    /// The unit at its end; empty where there is none.
    var unit: String

    /// The name of a series, such as `memstats_TotalAlloc_bytes` of `memstats.TotalAlloc`.
    init(_ series: SampleName) {
        unit =
            switch series.unit {
            case .bytes: "bytes"
            case .nanoseconds: "nanoseconds"
            case .seconds: "seconds"
            case nil: ""
            }
        var name = MetricName.cleaned(series.path, allowingColon: true)
        // A counter's samples end in it, and its family must not.
        if name.hasSuffix("_total"), name.utf8.count > 6 { name.removeLast(6) }
        if !unit.isEmpty, !name.hasSuffix("_" + unit) { name += "_" + unit }
        family = name
    }

    static func < (a: MetricName, b: MetricName) -> Bool {
        a.family.utf8.lexicographicallyPrecedes(b.family.utf8)
    }

    /// A text as a name: letters, digits and `_`, and no digit at its beginning.
    static func cleaned(_ text: String, allowingColon: Bool) -> String {
        var name: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": name.append(UInt8(scalar.value))
            case "0"..."9":
                if name.isEmpty { name.append(UInt8(ascii: "_")) }
                name.append(UInt8(scalar.value))
            case ":" where allowingColon: name.append(UInt8(ascii: ":"))
            default: name.append(UInt8(ascii: "_"))
            }
        }
        return name.isEmpty ? "_" : String(decoding: name, as: UTF8.self)
    }
}

/// A series' path and unit: what its metric's name is made from.
struct SampleName: Hashable {
    var path: String
    var unit: Unit?
}

/// The labels of a metric, as text between braces.
enum MetricLabels {
    /// Of a series of a target: `series`, `target`, `host`, and the target's own with names that fit and are free.
    static func text(series: String?, target: TargetNames) -> String {
        var labels: [(name: String, value: String)] = []
        if let series { labels.append(("series", series)) }
        labels += [("target", target.name), ("host", target.host)]
        var taken: Set<String> = ["series", "target", "host", "le"]
        for (name, value) in target.labels.sorted(by: { $0.key < $1.key }) {
            var free = MetricName.cleaned(name, allowingColon: false)
            // Two names may become one, and those with __ in front are Prometheus's own.
            while free.hasPrefix("__") || taken.contains(free) { free = "label_" + free }
            taken.insert(free)
            labels.append((free, value))
        }
        return labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}

/// Whose a series is.
struct TargetNames: Hashable {
    var name: String
    var host: String
    var labels: [String: String]
}
