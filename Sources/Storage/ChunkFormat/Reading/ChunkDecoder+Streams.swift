import Codec
import Expvar

/// Streams of numbers, decoded when they are asked for, with those that they are foretold by; and columns made of them.
extension ChunkDecoder {
    /// The values of a stream, of the kinds that are stored and those that are not.
    func stream(_ number: Int) throws -> [Int64] {
        if let known = streams[number] { return known }
        // Predictions read only streams before their own, so those that are needed, in ascending order, decode each
        // from what is there. A loop, not a recursion: a hostile chain may be as long as there are streams.
        var needed: Set<Int> = [number]
        var open = [number]
        while let next = open.popLast() {
            for other in try streamsRead(by: next)
            where streams[other] == nil && needed.insert(other).inserted {
                open.append(other)
            }
        }
        for next in needed.sorted() {
            streams[next] = try decode(next)
            readers[next] = nil
        }
        return streams[number] ?? []
    }

    private func streamsRead(by number: Int) throws -> [Int] {
        switch number {
        case 0..<ChunkStream.storedCount: return []
        case ChunkStream.ringTotal: return [ChunkStream.form, ChunkStream.ringCount]
        case ChunkStream.lastEnd:
            return [ChunkStream.form, ChunkStream.run, ChunkStream.ringCount, ChunkStream.ringEnd]
        case ChunkStream.pauseTotal: return [ChunkStream.form, ChunkStream.ringCount, ChunkStream.ringPause]
        case ChunkStream.firstLeaf..<max(ChunkStream.firstLeaf, header.streams.count):
            let read = try wrap(number) { reader throws(CodecError) in
                try IntegerColumn.columnsRead(by: reader)
            }
            guard
                read.allSatisfy({
                    $0 < number
                        && ($0 >= ChunkStream.firstLeaf
                            || (ChunkStream.ringTotal...ChunkStream.pauseTotal ~= $0))
                })
            else { throw ChunkError.damaged("stream \(number) is foretold by one that it may not read") }
            return read
        default: throw ChunkError.damaged("there is no stream \(number)")
        }
    }

    private func decode(_ number: Int) throws -> [Int64] {
        if (ChunkStream.ringTotal...ChunkStream.pauseTotal).contains(number) { return try derived(number) }
        let count = header.streams[number].count
        let known = streams
        return try wrap(number) { reader throws(CodecError) in
            var reader = reader
            return try IntegerColumn.decode(&reader, count: count) { (column) throws(CodecError) in
                guard let values = known[column] else { throw .malformed("a column that is not there") }
                return values
            }
        }
    }

    /// Calls `body` with a reader of the bytes of a stream, checked.
    private func wrap<Result>(
        _ number: Int,
        _ body: (ByteReader) throws(CodecError) -> Result
    ) throws -> Result {
        let entry = header.streams[number]
        do {
            if let inline = entry.inline { return try body(ByteReader(inline)) }
            if let reader = readers[number] { return try body(reader) }
            let start = streamsOffset + entry.offset
            let (stored, range) = try source.part(start..<start + entry.size)
            guard Checksum.crc32c(stored[range]) == entry.checksum else { throw CodecError.checksum }
            let reader = try ByteReader(stored, in: range)
            readers[number] = reader
            return try body(reader)
        } catch {
            throw try Self.wrapping(error, "stream \(number)")
        }
    }

    /// The streams that are there for predictions only; one value for each document in columns.
    private func derived(_ number: Int) throws -> [Int64] {
        let counts = try stream(ChunkStream.ringCount)
        let values =
            number == ChunkStream.ringTotal
            ? [] : try stream(number == ChunkStream.lastEnd ? ChunkStream.ringEnd : ChunkStream.ringPause)
        let runs = number == ChunkStream.lastEnd ? try stream(ChunkStream.run) : []
        var lastOfRun: [Int64: Int64] = [:]
        var total: Int64 = 0
        var next = 0
        var result: [Int64] = []
        for document in try documents() where !document.isRaw {
            let count = counts[document.number]
            guard count >= 0, count <= Int64(PauseRing.slots) else {
                throw ChunkError.damaged("a ring's count")
            }
            switch number {
            case ChunkStream.ringTotal: total &+= count
            case ChunkStream.pauseTotal:
                guard next + Int(count) <= values.count else { throw ChunkError.damaged("too few pauses") }
                for value in values[next..<next + Int(count)] { total &+= value }
            default:
                guard next + Int(count) <= values.count else {
                    throw ChunkError.damaged("too few collections")
                }
                if count > 0 { lastOfRun[runs[document.number]] = values[next + Int(count) - 1] }
                total = lastOfRun[runs[document.number]] ?? 0
            }
            next += Int(count)
            result.append(total)
        }
        return result
    }

    // MARK: Values

    /// The integers of a column, or its doubles.
    enum Values {
        case integers([Int64])
        case doubles([Double])
    }

    func values(of column: ChunkHeader.ColumnEntry) throws -> Values {
        guard let form = column.form else { return .integers(try stream(column.stream)) }
        if let ofStreams = form.ofStreams {
            let parts = try (0..<ofStreams.columnCount).map { try stream(column.stream + $0) }
            do {
                return .doubles(try DoubleColumn.decode(parts, as: ofStreams))
            } catch {
                throw Self.wrapped(error, "doubles")
            }
        }
        guard case .ratio(let numerator, let denominator, let addend) = form else {
            preconditionFailure("BUG: a form of doubles that nothing reads")
        }
        let off = try stream(column.stream)
        let a = try stream(numerator)
        let b = try stream(denominator)
        let c = try addend.map { try stream($0) } ?? []
        guard a.count == off.count, b.count == off.count, addend == nil || c.count == off.count else {
            throw ChunkError.damaged("a quotient of columns of other length")
        }
        return .doubles(
            off.indices.map { row in
                let quotient = ChunkStreamEncoder.quotient(a[row], b[row], addend == nil ? 0 : c[row])
                return DoubleColumn.double(orderedBits: DoubleColumn.orderedBits(quotient) &+ off[row])
            }
        )
    }
}
