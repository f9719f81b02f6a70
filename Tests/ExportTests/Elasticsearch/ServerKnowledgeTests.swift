import Export
import Testing

@Suite("Knowing a server")
struct ServerKnowledgeTests {
    private let text = ServerText(secrets: [])

    private func info(
        _ body: String,
        status: Int = 200,
        header: String? = nil
    ) throws(ReplayStop) -> ServerInfo {
        try ServerInfo(
            status: status,
            productHeader: header,
            body: Array(body.utf8),
            url: "http://h:9200",
            text: text
        )
    }

    private func root(
        _ version: String,
        extra: String = "",
        tagline: String = "You Know, for Search"
    ) -> String {
        #"{"cluster_uuid":"abc","version":{"number":"\#(version)"\#(extra)},"tagline":"\#(tagline)"}"#
    }

    @Test("7.10 to 7.13 are known by their tagline, later ones by the product header")
    func elasticsearch() throws {
        #expect(try info(root("7.10.0")).product == .elasticsearch)
        #expect(try info(root("7.13.4")).version == ServerInfo.Version(7, 13, 4))
        #expect(
            try info(root("8.15.0-SNAPSHOT"), header: "Elasticsearch").version == ServerInfo.Version(8, 15)
        )
        #expect(throws: ReplayStop.self) { try info(root("7.14.0")) }
        #expect(throws: ReplayStop.self) { try info(root("8.15.0"), header: "elasticsearch-ish") }
        #expect(throws: ReplayStop.self) { try info(root("7.13.0", tagline: "welcome")) }
    }

    @Test("OpenSearch is known by its version object")
    func openSearch() throws {
        let info = try info(
            root("2.11.0", extra: #","distribution":"opensearch""#, tagline: "The OpenSearch Project")
        )
        #expect(info.product == .openSearch)
        #expect(!ServerFeatures(info).knowsHistogram)
        #expect(!ServerFeatures(info).knowsRequireDataStream)
    }

    @Test(
        "too old, a portal, a proxy, a broken answer: stop with 69",
        arguments: [
            (#"{"cluster_uuid":"a","version":{"number":"7.9.3"},"tagline":"You Know, for Search"}"#, 200),
            ("<html>sign in</html>", 200), ("{}", 200), ("[]", 200), ("", 200), ("nothing here", 404),
            ("", 302),
            (#"{"cluster_uuid":"_na_","version":{"number":"8.1.0"}}"#, 200), ("", 200),
            (#"{"cluster_uuid":"../x","version":{"number":"8.1.0"}}"#, 200),
        ]
    )
    func strangers(_ body: String, _ status: Int) {
        let stop = #expect(throws: ReplayStop.self) {
            try info(body, status: status, header: "Elasticsearch")
        }
        #expect(stop?.exitStatus == 69)
    }

    @Test("429 is overload, 5xx is a server that is away, and neither is a captive portal")
    func busy() {
        let overloaded = #expect(throws: ReplayStop.self) { try info("slow down", status: 429) }
        #expect(overloaded?.description.contains("overloaded") == true)
        #expect(overloaded?.description.contains("portal") == false)
        #expect(overloaded?.exitStatus == 69)
        for status in [408, 500, 502, 503, 504] {
            let away = #expect(throws: ReplayStop.self) { try info("", status: status) }
            #expect(away?.description.contains("cannot answer at present") == true)
            #expect(away?.description.contains("portal") == false)
            #expect(away?.exitStatus == 69)
        }
        let portal = #expect(throws: ReplayStop.self) { try info("sign in", status: 511) }
        #expect(portal?.description.contains("portal") == true)
    }

    @Test("a version or a status of any size is no number to trap on")
    func extremes() {
        for version in [
            "9223372036854775807.9223372036854775807.9223372036854775807", "18446744073709551616.0", "-1.0",
        ] {
            _ = try? info(root(version), header: "Elasticsearch")
        }
        #expect(ServerInfo.Version("18446744073709551616.0") == nil)
    }

    @Test("401 and 403 are about the key")
    func keys() {
        for status in [401, 403] {
            let stop = #expect(throws: ReplayStop.self) { try info("{}", status: status) }
            #expect(stop?.exitStatus == 77)
        }
        let none = #expect(throws: ReplayStop.self) {
            try ServerInfo(
                status: 401,
                productHeader: nil,
                body: [],
                hasCredential: false,
                url: "http://h:9200",
                text: text
            )
        }
        #expect(none?.description.contains("no credential was given") == true)
        #expect(none?.exitStatus == 77)
    }

    @Test("require_data_stream is sent from 8.13 on, pipeline=_none unless the pipeline is wanted")
    func features() throws {
        let old = ServerFeatures(try info(root("8.12.2"), header: "Elasticsearch"))
        let new = ServerFeatures(try info(root("8.13.0"), header: "Elasticsearch"))
        #expect(!old.bulkQuery(viaPipeline: false).contains("require_data_stream"))
        #expect(new.bulkQuery(viaPipeline: false).contains("&require_data_stream=true"))
        #expect(new.bulkQuery(viaPipeline: false).contains("&pipeline=_none"))
        #expect(!new.bulkQuery(viaPipeline: true).contains("pipeline=_none"))
        #expect(old.knowsHistogram)
        #expect(!ServerFeatures(try info(root("7.10.2", extra: #","build_flavor":"oss""#))).knowsHistogram)
    }

    @Test("a Cloud id gives host, port and TLS")
    func cloudID() {
        // example.com:9243$abc$def, example.com$abc, localhost$a:1234
        #expect(CloudID.url(of: "prod:ZXhhbXBsZS5jb206OTI0MyRhYmMkZGVm") == "https://abc.example.com:9243")
        #expect(CloudID.url(of: "ZXhhbXBsZS5jb20kYWJj") == "https://abc.example.com:443")
        #expect(CloudID.url(of: "x:bG9jYWxob3N0JGE6MTIzNA==") == "https://a.localhost:1234")
        for bad in ["", "x:", "x:!!!!", "x:ZXhhbXBsZS5jb20=", "x:JA==", "x:YS9iJGM="] {
            #expect(CloudID.url(of: bad) == nil, "\(bad)")
        }
    }

    @Test("URLs: ports, prefixes, IPv6; no user, no query")
    func urls() throws {
        #expect(try ElasticsearchURL("https://es.example.org/").description == "https://es.example.org:443")
        #expect(try ElasticsearchURL("http://es/a/b/").description == "http://es:9200/a/b")
        #expect(try ElasticsearchURL("http://[::1]:9201").description == "http://[::1]:9201")
        #expect(try ElasticsearchURL("HTTPS://ES.example:9200/A").description == "https://es.example:9200/A")
        for bad in [
            "es:9200", "http://", "://es", "http:/es", "http://u:p@es", "http://es?x=1", "http://es:0",
            "http://es:99999",
            "http://e s",
            "ftp://es", "http://es:9200#x", "",
        ] {
            let error = #expect(throws: ExportSetupError.self) { try ElasticsearchURL(bad) }
            #expect(error?.description.contains("p@") == false)
        }
    }

    @Test("namespaces are what data streams allow, and what is wrong with another is said")
    func namespaces() throws {
        for good in ["default", "edge_7.x", "zürich", "a%2fb", "a&b=c", String(repeating: "x", count: 100)] {
            try StreamNamespace.check(good)
        }
        let long = String(repeating: "ü", count: 51)
        for (bad, word) in [
            ("", "empty"), ("Edge", "capital"), ("Ä", "capital"), ("a-b", "has a -"), ("a b", "space"),
            ("a\u{a0}b", "space"),
            ("a\nb", "cannot be seen"), ("a\u{202e}b", "cannot be seen"), (long, "longer"),
        ] + #"\/*?"<>|,#:"#.map({ ("a\($0)", "has a \($0)") }) {
            let error = #expect(throws: ExportSetupError.self) { try StreamNamespace.check(bad) }
            #expect(error?.description.contains(word) == true, "\(bad): \(error?.description ?? "")")
        }
    }

    @Test("credentials are taken out of what a server says, in every form, and then it is cut")
    func scrubbed() {
        let authentication = Authentication.basic(user: "elastic", password: "canary-pw")
        let text = ServerText(secrets: authentication.secrets)
        let said = "bad \(authentication.header ?? "") for elastic:canary-pw or canary-pw"
        #expect(!text.clean(said).contains("canary"))
        #expect(!text.clean(said).contains("ZWxhc3RpYzpjYW5hcnktcHc"))
        // The credential straddles the place where the text is cut.
        let long = String(repeating: "x", count: 495) + "canary-pw"
        #expect(!text.clean(long).contains("canar"))
        #expect(text.clean(String(repeating: "y", count: 9_999)).count == 501)
        #expect(text.clean("a\u{1B}[31m\nb\u{202E}c") == "a [31m b c")
    }

    @Test("no description of a credential shows it")
    func hidden() {
        let key = Authentication.apiKey("id:canary")
        #expect(!"\(key) \(String(reflecting: key))".contains("canary"))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("canary"))
        #expect(key.header == "ApiKey aWQ6Y2FuYXJ5")
        #expect(Authentication.apiKey("aWQ6Y2FuYXJ5").secrets.contains("canary"))
    }
}
