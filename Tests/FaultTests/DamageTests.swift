import JSON
import SQLite
import TestBasics
import TestSupport
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A file that was damaged between two recordings: what the built binary says, and what of it comes back.
@Suite("a damaged file", .timeLimit(.minutes(20)))
struct DamageTests {
    /// A recording that was killed, and the bodies that it acknowledged, by their time.
    private struct Recording {
        var path: String
        var server: ExpvarServer
        var acknowledged: [Int64]
    }

    private static func serve() async throws -> ExpvarServer {
        let text = String(repeating: "x", count: 60)
        return try await ExpvarServer.start { .body("{\"number\": \($0.number), \"text\": \"\(text)\"}\n") }
    }

    /// Records until `count` scrapes are acknowledged, then kills; with `compact` all but the last are sealed first.
    private static func record(
        _ directory: TemporaryDirectory,
        count: Int,
        isSealed: Bool
    ) async throws -> Recording {
        let path = directory.file("a.db")
        let server = try await serve()
        var acknowledged: [Int64] = []
        if isSealed {
            let first = try await Expvault.run(
                "record",
                "--db",
                path,
                "--interval",
                "10ms",
                "--count",
                "\(count)",
                "--log-level",
                "debug",
                "api=\(server.url())"
            )
            try #require(first.status == 0, "\(first.error)")
            acknowledged += times(first.error)
            try #require(try await Expvault.run("compact", "--db", path).status == 0)
        }
        let recorder = try Expvault.start([
            "record", "--db", path, "--interval", "10ms", "--log-level", "debug", "api=\(server.url())",
        ])
        #expect(await Waiting.until { times(recorder.errorSoFar).count >= count })
        recorder.signal(SIGKILL)
        acknowledged += times(try await recorder.wait().error)
        return Recording(path: path, server: server, acknowledged: acknowledged)
    }

    private static func times(_ log: String) -> [Int64] {
        log.split(separator: "\n").compactMap { line in
            guard let range = line.firstRange(of: " t=") else { return nil }
            return line.contains("stored target=api") ? Int64(line[range.upperBound...]) : nil
        }
    }

    private static func stored(_ path: String) async throws -> [Int64] {
        let lines = try await Expvault.output("export", "raw", "--db", path, "--out", "-")
        return try lines.split(separator: "\n").map { line in
            let value = try JSONReader.value(of: Array(line.utf8))
            // Every body is whole, or it would not be there.
            _ = try #require(value["body"]?.string?.hasSuffix("}\n") == true)
            return try #require(value["ts"]?.integer)
        }
    }

    /// Damages, records again, and looks at everything that must hold then; how many acknowledged scrapes are lost.
    private static func mustGoOn(
        _ recording: Recording,
        damaged path: String,
        _ bytes: [UInt8]
    ) async throws -> Int {
        let again = try await Expvault.run(
            "record",
            "--db",
            recording.path,
            "--interval",
            "10ms",
            "--count",
            "5",
            "--log-level",
            "debug",
            "api=\(recording.server.url())"
        )
        // All of its five scrapes are there, and a script learns that something else is not.
        #expect(again.status == 65, "\(again.error)")
        #expect(!times(again.error).isEmpty)
        #expect(try await Expvault.run("check", "--db", recording.path).status == 0)
        #expect(try await stored(recording.path) == times(again.error))
        // The log's command is the one to use, as it stands.
        let line = try #require(
            again.error.split(separator: "\n").first { $0.contains("was put aside as") },
            "\(again.error)"
        )
        let command = line[try #require(line.firstRange(of: "expvault check")).lowerBound...].split(
            separator: " "
        ).map(String.init)
        #expect(command.count == 6 && command[2] == "--db" && command[4] == "--salvage")
        let aside = command[3]
        #expect(FileBytes.read(aside + path.dropFirst(recording.path.count)) == bytes, "put aside as it was")
        #expect(try await Expvault.run("check", "--db", aside).status == 65)
        let salvage = try await Expvault.run("check", "--db", aside, "--salvage", command[5])
        #expect(salvage.status == 65, "\(salvage.error)")
        #expect(try await Expvault.run("check", "--db", command[5]).status == 0)
        let found = try await stored(command[5])
        // The last commit may have been made, and not told of before the kill; several scrapes may share it.
        let newest = recording.acknowledged.max() ?? 0
        #expect(
            Set(found).isSubset(of: recording.acknowledged + found.filter { $0 > newest }),
            "nothing that was never stored"
        )
        return Set(recording.acknowledged).subtracting(found).count
    }

    @Test("in the first page: put aside, and every acknowledged scrape comes back")
    func header() async throws {
        for offset in [3, 70, 100] {
            let directory = try TemporaryDirectory()
            let recording = try await Self.record(directory, count: 30, isSealed: true)
            // The WAL has the first page too, if the file was changed since: written back, the file is all there is.
            try #require(try await Expvault.run("compact", "--db", recording.path).status == 0)
            let bytes = FileBytes.flip(recording.path, offset, 2)
            for question in [["targets"], ["check"], ["values", "number"]] {
                #expect(
                    try await ChildProcess.run(Expvault.binary, question + ["--db", recording.path]).status
                        == 65
                )
            }
            #expect(try await Self.mustGoOn(recording, damaged: recording.path, bytes) == 0, "byte \(offset)")
            await recording.server.stop()
        }
    }

    @Test("in the page of a table that recording needs: put aside, and every acknowledged scrape comes back")
    func table() async throws {
        let directory = try TemporaryDirectory()
        let recording = try await Self.record(directory, count: 30, isSealed: true)
        try #require(try await Expvault.run("compact", "--db", recording.path).status == 0)
        // The name of the target, in its row: the row's checksum tells.
        let content = FileBytes.read(recording.path)
        let offset = try #require(FileBytes.find(Array("http://127.0.0.1".utf8), in: content))
        let bytes = FileBytes.flip(recording.path, offset + 2, 1)
        let status = try await Expvault.run("targets", "--db", recording.path).status
        #expect(status == 65)
        #expect(try await Self.mustGoOn(recording, damaged: recording.path, bytes) == 0)
        await recording.server.stop()
    }

    @Test(
        "in a chunk that recording does not need: questions that do say so, recording goes on, the salvage brings the rest"
    )
    func chunk() async throws {
        let directory = try TemporaryDirectory()
        let recording = try await Self.record(directory, count: 40, isSealed: true)
        // Ended in good order: the WAL is written back, the newest scrapes are not sealed.
        let ended = try await Expvault.run(
            "record",
            "--db",
            recording.path,
            "--interval",
            "50ms",
            "--count",
            "3",
            "--log-level",
            "debug",
            "api=\(recording.server.url())"
        )
        #expect(ended.status == 0, "\(ended.error)")
        let connection = try Connection(path: recording.path, role: .reader, busyMilliseconds: 1000)
        let chunk = try connection.statement("SELECT bytes FROM chunk_bytes ORDER BY id LIMIT 1")
        try #require(try chunk.step())
        let start = Array(chunk.bytes(0).prefix(64))
        chunk.reset()
        connection.close()
        let offset = try #require(FileBytes.find(start, in: FileBytes.read(recording.path)))
        _ = FileBytes.flip(recording.path, offset + 20, 1)
        let again = try await Expvault.run(
            "record",
            "--db",
            recording.path,
            "--interval",
            "10ms",
            "--count",
            "5",
            "--log-level",
            "debug",
            "api=\(recording.server.url())"
        )
        #expect(again.status == 0 && !Self.times(again.error).isEmpty)
        #expect(try await Expvault.run("values", "number", "--db", recording.path).status == 65)
        #expect(try await Expvault.run("check", "--db", recording.path).status == 65)
        let rescued = directory.file("rescued.db")
        let salvage = try await Expvault.run("check", "--db", recording.path, "--salvage", rescued)
        #expect(salvage.status == 65, "\(salvage.error)")
        let found = try await Self.stored(rescued)
        #expect(
            Set(found).isSuperset(of: Self.times(again.error)),
            "what is in no damaged chunk is all there"
        )
        #expect(try await Expvault.run("check", "--db", rescued).status == 0)
        await recording.server.stop()
    }

    @Test("in the WAL, before its last transaction: put aside, and all but what was hit comes back")
    func wal() async throws {
        let directory = try TemporaryDirectory()
        let recording = try await Self.record(directory, count: 30, isSealed: false)
        let wal = recording.path + "-wal"
        let bytes = FileBytes.flip(wal, FileBytes.read(wal).count / 3, 8)
        for question in [["targets"], ["check"], ["values", "number"]] {
            #expect(
                try await ChildProcess.run(Expvault.binary, question + ["--db", recording.path]).status == 65
            )
        }
        let lost = try await Self.mustGoOn(recording, damaged: wal, bytes)
        #expect(lost <= 3, "\(lost) lost of \(recording.acknowledged.count)")
        await recording.server.stop()
    }
}

/// A file's bytes, from outside of the program that is tested.
private enum FileBytes {
    static func read(_ path: some StringProtocol) -> [UInt8] {
        TemporaryDirectory.contents(of: String(path)) ?? []
    }

    /// Changes bits of one byte; what the file holds then.
    static func flip(_ path: String, _ offset: Int, _ bits: UInt8) -> [UInt8] {
        let descriptor = open(path, O_RDWR)
        defer { close(descriptor) }
        var bytes = read(path)
        bytes[offset] ^= bits
        _ = [bytes[offset]].withUnsafeBytes { pwrite(descriptor, $0.baseAddress, 1, off_t(offset)) }
        return bytes
    }

    /// Where those bytes begin.
    static func find(_ pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        bytes.firstRange(of: pattern)?.lowerBound
    }
}
