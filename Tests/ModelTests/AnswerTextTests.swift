import Testing

@testable import Model

@Suite("Answers that are no documents")
struct AnswerTextTests {
    @Test(
        "what is well known is named",
        arguments: [
            (
                "# HELP go_info About.\n# TYPE go_info gauge\ngo_info{version=\"go1.26\"} 1\n",
                "Prometheus text"
            ),
            ("go_goroutines 7\ngo_threads 9\n", "Prometheus text"),
            ("up{a=\"b\"} +Inf 1700000000\n", "Prometheus text"), ("# EOF\n", "Prometheus text"),
            ("\n# TYPE x counter\n", "Prometheus text"), ("x NaN", "Prometheus text"),
            ("# a comment\n", "plain text"), ("hello world\n", "plain text"), ("ok", "plain text"),
            ("404 page not found\n", "plain text"), ("<!DOCTYPE html>", "HTML"), (" <html>", "HTML"),
            ("<?xml version=\"1.0\"?><a/>", "XML"), ("[1, 2]", "a JSON array"), ("\"a\"", "a JSON text"),
            ("null\n", "JSON, but no object"), ("1.5", "JSON, but no object"),
            ("goroutine profile: total 7\n1 @ 0x1\n", "a profile of /debug/pprof"), ("\u{1f}", nil),
            ("", nil),
            (" \n", nil), ("{\"a\": 1}", nil), ("\u{feff}{}", nil),
        ] as [(String, String?)]
    )
    func names(body: String, name: String?) {
        #expect(AnswerText.name(of: Array(body.utf8)) == name)
    }

    @Test("any bytes, cut anywhere, are named or not, and said or not")
    func anything() {
        let texts = [
            "# HELP a b\n# TYPE a gauge\na{b=\"c\"} 1\n", "<html><title>x</title>", "{\"a\": [1]}", "a 1\n",
        ]
        for text in texts {
            let bytes = Array(text.utf8)
            for end in 0...bytes.count {
                for odd in [0, 0x1f, 0x7f, 0xc3, 0xff] as [UInt8] {
                    _ = AnswerText.name(of: Array(bytes[..<end]) + [odd])
                    #expect(AnswerText.words(of: Array(bytes[..<end]) + [odd])?.contains("\n") != true)
                }
            }
        }
        #expect(AnswerText.name(of: [0x1f, 0x8b, 8]) == "gzip data")
    }
}
