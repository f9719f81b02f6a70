import JSON
import Model
import Testing

@testable import Export
@testable import Storage

@Suite("Raw lines")
struct RawLinesTests {
    private func read(_ line: String, urls: [String: String] = [:]) throws(RawLineError) -> ImportedScrape {
        var reader = RawLineReader(urls: urls)
        return try reader.scrape(of: Array(line.utf8))
    }

    /// The line that is written for what was read from `line`.
    private func rewritten(_ line: [UInt8], epochs: Bool) throws -> [UInt8] {
        var reader = RawLineReader()
        let imported = try reader.scrape(of: line)
        var failure: String?
        let body: [UInt8]
        switch imported.scrape.outcome {
        case .document(let document): body = document
        case .failure(let reason, let kept):
            failure = reason
            body = kept
        }
        let record = ScrapeRecord(
            seq: 1,
            target: TargetID(1),
            position: ScrapePosition(epoch: imported.epoch ?? 0, time: imported.scrape.time),
            origin: imported.origin,
            durationNanoseconds: imported.scrape.durationNanoseconds,
            status: imported.scrape.status,
            serverDate: nil,
            bootID: nil,
            bootNanoseconds: nil,
            run: nil,
            failure: failure,
            isAfterStep: false
        )
        var writer = RawLineWriter()
        return writer.line(for: record, target: imported.target, body: body, epochs: epochs)
    }

    @Test(
        "a line is written as it was read, byte for byte",
        arguments: [
            (
                #"{"ts":1700006400000,"target":"demo","body":"{\n\"a\": 1.50,\n\"\\u00e9\": \"é😀\\t\"\n}\n"}"#,
                false
            ),
            (#"{"ts":-1,"target":"a","body":"{}"}"#, false),
            (#"{"ts":1,"target":"a","body_base64":"eyJhIjogIv8ifQ=="}"#, false),
            (
                #"{"ts":1,"target":"a","body":"{}","url":"http://h:1/x","duration_ms":12.345678,"status":200,"epoch":3,"labels":{"a":"","b":"é"}}"#,
                true
            ),
            (#"{"ts":1,"target":"a","body":"<html>","error":"no document","status":502,"epoch":0}"#, true),
            (#"{"ts":1,"target":"a","error":"connection refused","duration_ms":0.5}"#, false),
            (#"{"ts":1,"target":"a","body_base64":"/w==","error":"cut","duration_ms":7}"#, false),
            (#"{"ts":1,"target":"a","body":"{}","recorder":{"id":"5b1f","host":"edge-7"}}"#, false),
            (#"{"ts":1,"target":"a","body":"{}","recorder":{"id":"5b1f","host":"","target":"b"}}"#, false),
        ]
    )
    func roundTrip(line: String, epochs: Bool) throws {
        #expect(text(try rewritten(Array(line.utf8), epochs: epochs)) == line)
    }

    @Test(
        "keys may come in any order, unknown ones are passed over, the last of duplicates counts, null is absent"
    )
    func lenient() throws {
        let scrape = try read(
            #" { "x":[{"y":null}], "body":"a", "target":"t", "ts":"2026-01-02T03:04:05.678Z", "body":"b", "url":null } "#
        )
        #expect(scrape.target == "t")
        #expect(scrape.epoch == nil)
        #expect(scrape.origin == Origin(url: nil))
        #expect(
            scrape.scrape
                == Scrape(time: Timestamp(milliseconds: 1_767_323_045_678), outcome: .document([0x62]))
        )
    }

    @Test("a URL loses its user, and --url supplies one where the line has none")
    func urls() throws {
        let urls = ["t": "http://u:p@h/x@y"]
        #expect(try read(#"{"ts":1,"target":"t","body":""}"#, urls: urls).origin.url == "http://h/x@y")
        #expect(
            try read(#"{"ts":1,"target":"t","body":"","url":"http://a@b@i/"}"#, urls: urls).origin.url
                == "http://i/"
        )
        #expect(try read(#"{"ts":1,"target":"s","body":""}"#, urls: urls).origin.url == nil)
    }

    @Test(
        "a bad line says what is wrong with it",
        arguments: [
            (#"{"target":"t","body":"x"}"#, #""ts" is missing"#),
            (#"{"ts":1,"body":"x"}"#, #""target" is missing"#),
            (#"{"ts":1,"target":"t"}"#, #""body" is missing"#),
            (
                #"{"ts":1.5,"target":"t","body":"x"}"#,
                #""ts": must be Unix milliseconds or RFC 3339, between the years 1 and 9999"#
            ),
            (
                #"{"ts":"yesterday","target":"t","body":"x"}"#,
                #""ts": must be Unix milliseconds or RFC 3339, between the years 1 and 9999"#
            ),
            (
                #"{"ts":9223372036854775807,"target":"t","body":"x"}"#,
                #""ts": must be Unix milliseconds or RFC 3339, between the years 1 and 9999"#
            ),
            (
                #"{"ts":1,"target":"a=b","body":"x"}"#,
                #""target": must be 1 to 128 bytes without = and control characters"#
            ),
            (#"{"ts":1,"target":"t","body_base64":"a"}"#, #""body_base64": must be base64 with padding"#),
            (#"{"ts":1,"target":"t","body":"x","status":2000}"#, #""status": must be an HTTP status"#),
            (#"{"ts":1,"target":"t","body":"x","epoch":-1}"#, #""epoch": must be a whole number from 0 on"#),
            (
                #"{"ts":1,"target":"t","body":"x","duration_ms":1.2345678}"#,
                #""duration_ms": must be milliseconds, with up to six places"#
            ),
            (#"{"ts":1,"target":"t","body":"x","labels":{"a":1}}"#, #""labels": must be an object of texts"#),
            (#"{"ts":1,"target":"t","body":"\ud800"}"#, "text that is not UTF-8 at byte 29"),
            (#"{"ts":1,"target":"t","body":"x"} x"#, "no JSON at byte 33"),
            (#"{"ts":1,"target":"t","bo"#, "the JSON is cut short"), ("[1]", "no JSON at byte 0"),
            ("hello", "no JSON at byte 0"),
        ]
    )
    func bad(line: String, reason: String) {
        let error = #expect(throws: RawLineError.self) { try read(line) }
        #expect(error?.description == reason)
    }

    @Test("lines of several targets, each like its last one, are read as if each came alone")
    func following() throws {
        var reader = RawLineReader()
        for round in 0..<400 {
            let body =
                switch round % 9 {
                case 7: #"{\n\"a\": \#(round),\n\"é\": 1\n}"#
                case 8: #"{\n\"a\": \u0031\#(round)\n}"#
                default: #"{\n\"a\": \#(round), \"b\": [1,\#(round / 3)]\n}"#
                }
            let target = round < 200 ? round % 3 : round
            let cut = round % 50 == 13 ? "" : "\"}"
            let line = Array(#"{"ts":\#(round),"target":"t\#(target)","body":"\#(body)\#(cut)"#.utf8)
            var alone = RawLineReader()
            let expected = Result { () throws(RawLineError) in try alone.scrape(of: line) }
            #expect(Result { () throws(RawLineError) in try reader.scrape(of: line) } == expected)
        }
    }

    @Test("every truncation of a line is bad, and none traps")
    func truncation() {
        let line = Array(
            #"{"ts":1,"target":"t","body":"{\"a\":\"\ud83d\ude00\"}","labels":{"a":"b"},"duration_ms":1.25}"#
                .utf8
        )
        for count in 0..<line.count {
            var reader = RawLineReader()
            #expect(throws: RawLineError.self) { try reader.scrape(of: Array(line[..<count])) }
        }
    }

    @Test("a line with any one byte changed is read or refused, and never traps")
    func changedBytes() {
        let line = Array(
            #"{"ts":1,"target":"t","body_base64":"QUJD","body":"{\"a\":\"\ud83d\ude00\"}","labels":{"a":"b"},"status":200}"#
                .utf8
        )
        for index in line.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = line
                changed[index] = byte
                var reader = RawLineReader()
                // Either is right: what counts is that every byte comes back.
                _ = try? reader.scrape(of: changed)
            }
        }
    }

    @Test(
        "durations keep their nanoseconds",
        arguments: [
            ("0", 0), ("1", 1_000_000), ("1.5", 1_500_000), ("0.000001", 1), ("12.3456", 12_345_600),
            ("3162240000000.999999", 3_162_240_000_000_999_999),
        ] as [(String, Int64)]
    )
    func durations(text: String, nanoseconds: Int64) {
        #expect(RawLineReader.nanoseconds(ofMilliseconds: text) == nanoseconds)
        #expect(RawLineWriter.milliseconds(nanoseconds) == text)
    }

    @Test(
        "durations that are none, or beyond a hundred years, are refused",
        arguments: ["-1", "1e3", "1.", "3162240000001", "1.1234567"]
    )
    func badDurations(text: String) {
        #expect(RawLineReader.nanoseconds(ofMilliseconds: text) == nil)
    }

    @Test("a stream is cut into the same lines wherever its pieces end")
    func splitting() {
        let stream = Array("one\n\ntwo two\nthis one is too long\nlast".utf8)
        for size in 1...stream.count {
            var splitter = LineSplitter(bytesMax: 8)
            var lines: [String] = []
            func take(_ line: LineSplitter.Line) {
                switch line {
                case .line(let bytes): lines.append(text(bytes))
                case .tooLong: lines.append("TOO LONG")
                }
            }
            for start in stride(from: 0, to: stream.count, by: size) {
                splitter.split(stream[start..<min(start + size, stream.count)], take)
            }
            splitter.finish(take)
            #expect(lines == ["one", "", "two two", "TOO LONG", "last"], "pieces of \(size)")
        }
    }
}
