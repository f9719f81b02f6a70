import Model
import Testing

@Suite("Where scrapes come from")
struct OriginTests {
    @Test("scheme, host, port and path tell one place from another, however the URL is spelled")
    func endpoint() {
        let place = "http://host/debug/vars"
        for url in [
            "http://host/debug/vars", "HTTP://Host:80/debug/vars", "http://host/debug/vars?token=…",
            "http://host/debug/vars?", "http://host/debug/vars#x", "http://u:p@host/debug/vars",
        ] {
            #expect(Origin(url: url).endpoint == place, "\(url)")
        }
        for url in [
            "https://host/debug/vars", "http://host:8080/debug/vars", "http://host2/debug/vars",
            "http://host/vars",
            "http://host/DEBUG/vars", "http://host:443/debug/vars", "http://host",
        ] {
            #expect(Origin(url: url).endpoint != place, "\(url)")
        }
        #expect(Origin(url: "https://[::1]:443/x").endpoint == "https://[::1]/x")
        #expect(Origin(url: nil).endpoint == nil)
    }

    @Test(
        "an address without a host is a place, too",
        arguments: ["", "x", "unix:/run/app.sock", "://", "a://"]
    )
    func strange(url: String) {
        #expect(Origin(url: url).endpoint == Origin(url: url + "?a=b").endpoint)
        #expect(Origin(url: url).endpoint != nil)
    }
}
