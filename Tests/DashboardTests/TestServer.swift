import Logging
import Model

@testable import Dashboard

/// Serves a database on a free port while `body` runs.
func withServer<Result>(
    _ vault: RecordedVault,
    hostNames: [String] = [],
    token: String? = nil,
    _ body: (Int) async throws -> Result
) async throws -> Result {
    let configuration = DashboardConfiguration(
        database: vault.path,
        port: 0,
        hostNames: hostNames,
        token: token,
        now: { Timestamp(milliseconds: RecordedVault.end + 500) }
    )
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let server = try await DashboardServer.start(configuration, logger: logger)
    do {
        let result = try await body(server.port)
        await server.stop()
        return result
    } catch {
        await server.stop()
        throw error
    }
}
