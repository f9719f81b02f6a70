extension JSONWriter {
    /// A tree as it was read: members in order, numbers in their spelling.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .object(let members):
            beginObject()
            for member in members {
                key(member.key)
                self.value(member.value)
            }
            endObject()
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .number(let spelling): raw(spelling.utf8)
        case .string(let text): string(text)
        case .boolean(let truth): boolean(truth)
        case .null: null()
        }
    }
}

extension JSONValue {
    /// The text of the tree, in one line.
    package var bytes: [UInt8] {
        var json = JSONWriter()
        json.value(self)
        return json.bytes
    }
}
