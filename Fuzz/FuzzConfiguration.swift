// Any bytes as a configuration file: an error or a tree within the limits, never a trap.
// With: Sources/Recorder/Config/YAMLReader.swift
// With: Sources/Recorder/Config/YAMLNode.swift
// With: Sources/Recorder/Config/ConfigurationError.swift
// Links: yaml
// Longest: 512
import Model

/// One input of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzConfiguration(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    do {
        if let node = try YAMLReader.read(text, file: "x") { check(node, depth: 1) }
    } catch {
        precondition(!error.description.contains("\n"), "an error is one line")
    }
    return 0
}

private func check(_ node: YAMLNode, depth: Int) {
    precondition(depth <= YAMLReader.depthMax + 1, "no deeper than the limit")
    switch node.value {
    case .scalar: break
    case .sequence(let nodes): for node in nodes { check(node, depth: depth + 1) }
    case .mapping(let members):
        precondition(Set(members.map(\.key)).count == members.count, "no key twice")
        for member in members { check(member.value, depth: depth + 1) }
    }
}
