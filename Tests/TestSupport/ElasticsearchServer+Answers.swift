import Compression
import JSON

extension ElasticsearchServer {
    /// An answer as a broken proxy would pass it on.
    static func spoiled(_ body: [UInt8], by fault: ElasticsearchFault) -> [UInt8] {
        guard let value = try? JSONReader.value(of: body), var members = value.members else { return body }
        members = members.compactMap { member in
            guard member.key == "items", var items = member.value.elements else { return member }
            switch fault {
            case .noItems: return nil
            case .fewerItems: items.removeLast()
            default: items.reverse()
            }
            return JSONMember(key: "items", value: .array(items))
        }
        return JSONValue.object(members).bytes
    }

    /// 201 for each line pair, without looking into any.
    static func sinkAnswer(_ request: ElasticsearchRequest) -> ElasticsearchAnswer {
        var lines = 0
        if request.headers["content-encoding"] == "gzip" {
            let decoder = try? StreamDecoder(.gzip)
            try? decoder?.decode(request.body) { piece in lines += piece.count { $0 == 0x0A } }
        } else {
            lines = request.body.count { $0 == 0x0A }
        }
        let item = #"{"create":{"status":201}}"#
        let items = Array(repeating: item, count: lines / 2).joined(separator: ",")
        return ElasticsearchAnswer(status: 200, text: #"{"errors":false,"items":[\#(items)]}"#)
    }
}

extension ElasticsearchCluster {
    /// The streams that there are.
    package var streamNames: [String] { streams.keys.sorted() }
}
