import Testing

@testable import Discovery

@Suite("The kernel's lists of sockets")
struct ListeningSocketTests {
    private static func tcp(_ rows: String...) -> [UInt8] {
        let head =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        return Array((head + rows.map { $0 + "\n" }.joined()).utf8)
    }

    @Test("those of TCP that listen are read, of both families, whatever else is in the list")
    func tcp() throws {
        let sockets = ListeningSocket.tcp(
            Self.tcp(
                "   0: 0100007F:17AC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 34567 1 x 100 0",
                "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 34568 1 x 100 0",
                "   2: 0100007F:17AC 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 34569 1 x 20 4",
                "  10: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 34570 1",
                "  11: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 34571 1",
                "  12: 0100007F:0000 00000000:0000 0A 0:0 00:0 0 0 0 1",
                "  13: xyz:17AC 0:0 0A 0:0 00:0 0 0 0 2",
                "  14:"
            )
        )
        #expect(sockets.map(\.inode) == [34567, 34568, 34570, 34571])
        let loopback = IPAddress(bytes: [127, 0, 0, 1])
        #expect(sockets[0].place == .tcp(loopback, port: 6060))
        #expect(sockets[1].place == .tcp(IPAddress(bytes: [0, 0, 0, 0]), port: 80))
        #expect(
            sockets[2].place == .tcp(IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [1]), port: 8080)
        )
        #expect(sockets[3].place == .tcp(loopback, port: 8081), "an address of IPv4 in the spelling of IPv6")
    }

    @Test("Unix sockets that listen and have a path are read, with its spaces")
    func unix() {
        let text = """
            Num       RefCount Protocol Flags    Type St Inode Path
            0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/app.sock
            0000000000000000: 00000002 00000000 00010000 0001 01 22 /run/with space.sock
            0000000000000000: 00000002 00000000 00010000 0005 01 23 /run/packets
            0000000000000000: 00000003 00000000 00000000 0001 03 24 /run/connected
            0000000000000000: 00000002 00000000 00010000 0001 01 25 @abstract
            0000000000000000: 00000002 00000000 00010000 0001 01 26

            """
        #expect(
            ListeningSocket.unix(Array(text.utf8)) == [
                ListeningSocket(place: .unix(path: "/run/app.sock"), inode: 21),
                ListeningSocket(place: .unix(path: "/run/with space.sock"), inode: 22),
            ]
        )
    }

    @Test("only loopback and this host's own addresses are asked; a socket for all is asked on the loopback")
    func asked() {
        let own = IPAddress(bytes: [192, 0, 2, 7])
        let (loopback4, loopback6) = (
            IPAddress(bytes: [127, 0, 0, 1]), IPAddress(bytes: [UInt8](repeating: 0, count: 15) + [1])
        )
        func place(_ bytes: [UInt8]) -> ProbeTarget.Door {
            ProbeTarget(.tcp(IPAddress(bytes: bytes), port: 1), ownAddresses: [own]).place
        }
        #expect(place([127, 1, 2, 3]) == .tcp([IPAddress(bytes: [127, 1, 2, 3])], port: 1))
        #expect(place(own.bytes) == .tcp([own], port: 1))
        #expect(place([0, 0, 0, 0]) == .tcp([loopback4], port: 1))
        #expect(place([UInt8](repeating: 0, count: 16)) == .tcp([loopback4, loopback6], port: 1))
        #expect(place([192, 0, 2, 8]) == .foreign(IPAddress(bytes: [192, 0, 2, 8]), port: 1))
        let linkLocal = [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
        #expect(place(linkLocal) == .foreign(IPAddress(bytes: linkLocal), port: 1))
    }
}
