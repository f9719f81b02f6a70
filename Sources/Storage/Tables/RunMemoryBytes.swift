import Codec
import Expvar
import Model

/// What is remembered of a run, as the table `runs` has it; see docs/format.md.
enum RunMemoryBytes {
    /// An endpoint is part of a URL, and that is shorter.
    private static let endpointBytesMax = 8192
    private static let hasMemStats: UInt8 = 1
    private static let hasArguments: UInt8 = 2
    private static let hasEndpoint: UInt8 = 4
    /// The first bit of the five counters.
    private static let firstCounter: UInt8 = 8

    static func encode(_ memory: RunMemory) -> [UInt8] {
        var writer = ByteWriter()
        let counters = counters.map { memory[keyPath: $0] }
        var flags = memory.hasMemStats ? hasMemStats : 0
        if memory.commandLine != nil { flags |= hasArguments }
        let endpoint = memory.endpoint.map { Array($0.utf8) }
        if endpoint != nil { flags |= hasEndpoint }
        for (index, counter) in counters.enumerated() where counter != nil { flags |= firstCounter << index }
        writer.byte(flags)
        writer.zigzag(memory.position.epoch)
        writer.zigzag(memory.position.time.milliseconds)
        for counter in counters { if let counter { writer.varint(counter) } }
        if let endpoint {
            writer.count(endpoint.count)
            writer.raw(endpoint)
        }
        writer.count(memory.newest.count)
        for collection in memory.newest {
            writer.varint(collection.n)
            writer.varint(collection.endNanoseconds)
            writer.varint(collection.pauseNanoseconds)
        }
        return writer.bytes
    }

    /// The memory; its `commandLine` is empty where there is one.
    static func decode(_ bytes: [UInt8]) throws(CodecError) -> RunMemory {
        var reader = ByteReader(bytes)
        let flags = try reader.byte()
        let epoch = try reader.zigzag()
        let time = Timestamp(milliseconds: try reader.zigzag())
        var memory = RunMemory(
            position: ScrapePosition(epoch: epoch, time: time),
            hasMemStats: flags & hasMemStats != 0
        )
        for (index, counter) in counters.enumerated() where flags & firstCounter << index != 0 {
            memory[keyPath: counter] = try reader.varint()
        }
        if flags & hasArguments != 0 { memory.commandLine = [] }
        if flags & hasEndpoint != 0 {
            let count = try reader.count(max: endpointBytesMax, "the endpoint of a run")
            memory.endpoint = String(decoding: try reader.raw(count), as: UTF8.self)
        }
        for _ in 0..<(try reader.count(max: RunMemory.collectionsMax, "the collections of a run")) {
            memory.newest.append(
                Collection(
                    n: try reader.varint(),
                    endNanoseconds: try reader.varint(),
                    pauseNanoseconds: try reader.varint()
                )
            )
        }
        guard reader.isAtEnd else { throw .malformed("more than a run remembers") }
        return memory
    }

    private static var counters: [WritableKeyPath<RunMemory, UInt64?>] {
        [\.collectionCount, \.totalAllocatedBytes, \.mallocs, \.frees, \.pauseTotalNanoseconds]
    }
}
