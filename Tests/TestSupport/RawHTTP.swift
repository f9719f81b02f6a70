package import JSON
import TestBasics

#if canImport(Glibc)
import Glibc
#endif

/// A connection that sends the bytes it is told to, right or wrong.
package final class RawHTTP {
    /// An answer as it came.
    package struct Response {
        package var status: Int
        package var headers: [(name: String, value: String)]
        package var body: [UInt8]

        /// The values of a header, by its name in lower case.
        package func values(_ name: String) -> [String] {
            headers.filter { $0.name.lowercased() == name }.map(\.value)
        }

        /// The body as JSON; nil where it is none.
        package var json: JSONValue? { try? JSONReader.value(of: body) }
    }

    /// There is no connection, or no answer on it.
    package struct NoConnection: Error {}

    private let descriptor: Int32

    /// Connects to 127.0.0.1.
    package init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw NoConnection() }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw NoConnection() }
    }

    deinit { close(descriptor) }

    /// Sends those bytes; what the server no longer takes is lost.
    package func send(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Everything that comes until the server closes, or nothing more for 20 s.
    package func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return all }
            all += buffer[..<count]
        }
    }

    /// A GET on this connection, which stays open where the server keeps it; waits without holding up a thread.
    ///
    /// For answers that say how long they are.
    package func ask(_ path: String, host: String, headers: String = "") async throws -> Response {
        send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\(headers)\r\n")
        var all: [UInt8] = []
        var answer: Response?
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        _ = await Waiting.until {
            while true {
                let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                if count < 0, errno == EAGAIN { return false }
                guard count > 0 else { return true }
                all += buffer[..<count]
                guard let response = RawHTTP.response(all),
                    let length = response.values("content-length").first.flatMap({ Int($0) }),
                    response.body.count >= length
                else { continue }
                answer = response
                return true
            }
        }
        guard let answer else { throw NoConnection() }
        return answer
    }

    /// One request on a connection of its own, which the server closes; nil where it closed without an answer.
    package static func exchange(port: Int, _ request: String) throws -> Response? {
        let connection = try RawHTTP(port: port)
        connection.send(request)
        return response(connection.readToEnd())
    }

    /// A GET of a path, as a browser sends it.
    package static func get(
        port: Int,
        _ path: String,
        method: String = "GET",
        host: String? = nil,
        headers: String = ""
    ) throws -> Response {
        let host = host ?? "127.0.0.1:\(port)"
        let request = "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\(headers)\r\n"
        guard let response = try exchange(port: port, request) else { throw NoConnection() }
        return response
    }

    private static func response(_ bytes: [UInt8]) -> Response? {
        let mark = Array("\r\n\r\n".utf8)
        guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            return nil
        }
        let headers = lines.dropFirst().compactMap { line -> (name: String, value: String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), String(line[line.index(after: colon)...].drop { $0 == " " }))
        }
        return Response(status: status, headers: headers, body: Array(bytes[(end + 4)...]))
    }
}
