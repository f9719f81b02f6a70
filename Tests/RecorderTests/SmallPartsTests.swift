import Model
import TestBasics
import TestSupport
import Testing

@testable import Recorder

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

@Suite struct SmallPartsTests {
    @Test("the Date of an answer is read to the second")
    func date() {
        #expect(HTTPDate.parse("Sun, 06 Nov 1994 08:49:37 GMT")?.milliseconds == 784_111_777_000)
        for text in [
            "", "Sun, 06 Nov 1994 08:49:37", "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
        ] {
            #expect(HTTPDate.parse(text) == nil)
        }
    }

    @Test("control characters and bidi marks are shown as what they are")
    func escape() {
        #expect(EscapedText.escape("a\u{1b}[2J\u{202e}b\n") == "a\\u{1b}[2J\\u{202e}b\\u{a}")
        #expect(EscapedText.escape("ünïcode 日本") == "ünïcode 日本")
        #expect(EscapedText.escape("abc", charactersMax: 2) == "ab…")
    }

    @Test("systemd is told over the socket of the environment")
    func systemd() throws {
        #expect(SystemdNotifier(environment: [:]) == nil)
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = "\(directory)/notify"
        let receiver = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(receiver) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(receiver, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        let environment = ["NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"]
        let notifier = try #require(SystemdNotifier(environment: environment))
        #expect(notifier.watchdogMilliseconds == 15_000)
        #expect(notifier.notify(.ready))
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = recv(receiver, &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self) == "READY=1")
    }
}
