import HostFiles
import TestBasics
import Testing

@testable import Storage

@Suite("Who holds a lock")
struct LockHolderTests {
    private let list = Array(
        """
        1: POSIX  ADVISORY  READ  101 fe:01:5678 128 128
        2: FLOCK  ADVISORY  WRITE 102 fe:01:5678 0 EOF
        2: -> FLOCK  ADVISORY  WRITE 103 fe:01:5678 0 EOF
        3: FLOCK  ADVISORY  WRITE 104 103:4002:5678 0 EOF
        4: FLOCK  ADVISORY  WRITE 0 00:2d:77 0 EOF

        """.utf8
    )

    private func holders(_ major: UInt64, _ minor: UInt64, _ inode: UInt64, device: Bool = true) -> [Int32] {
        // As makedev(3) puts them together.
        let number =
            (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xff) << 12 | (major & ~0xfff) << 32
        let identity = FileIdentity(device: number, inode: inode)
        return LockHolder.processes(locking: identity, comparesDevice: device, in: list)
    }

    @Test("a lock on the same number of another device is another file's")
    func device() {
        #expect(holders(0xfe, 0x01, 5678) == [102])
        #expect(holders(0x103, 0x4002, 5678) == [104], "numbers beyond a byte")
        #expect(holders(0xfe, 0x02, 5678) == [])
        #expect(holders(0x08, 0x01, 5678) == [])
        #expect(holders(0xfe, 0x01, 5679) == [])
    }

    @Test("a holder in another container has the number 0, and holds it all the same")
    func hidden() {
        #expect(holders(0, 0x2d, 77) == [0])
    }

    @Test("where the device does not count, the number alone tells who")
    func withoutDevice() {
        #expect(holders(0x08, 0x11, 5678, device: false) == [102, 104])
    }
}
