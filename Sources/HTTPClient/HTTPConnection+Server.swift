import NIOHTTP1
package import NIOSSL

extension HTTPConnection {
    /// Where a connection goes.
    package struct Server: Sendable {
        /// The name or address of the host.
        package var host: String
        /// The port there.
        package var port: Int
        /// For https.
        package var tls: NIOSSLContext?
        /// The file of a Unix socket, in the place of host and port.
        package var socketPath: String?
        /// Between us and it: for https a tunnel through it, for http the proxy is asked for whole URLs.
        package var proxy: HTTPProxy?

        /// That host and port, with TLS where there is a context for it, through a proxy where there is one; or that Unix
        /// socket.
        package init(
            host: String,
            port: Int,
            tls: NIOSSLContext?,
            socketPath: String? = nil,
            proxy: HTTPProxy? = nil
        ) {
            self.host = host
            self.port = port
            self.tls = tls
            self.socketPath = socketPath
            self.proxy = proxy
        }

        /// The request as the one that is connected to wants it.
        func request(_ request: HTTPRequestHead) -> HTTPRequestHead {
            guard let proxy, tls == nil else { return request }
            var request = request
            request.uri = "http://\(HTTPProxy.authority(host, port))\(request.uri)"
            if let authorization = proxy.authorization {
                request.headers.add(name: "Proxy-Authorization", value: authorization)
            }
            return request
        }
    }
}
