import ArgumentParser
import Dashboard
import Logging
import Recorder
import UnixSignals

/// `expvault serve`: the recording as a page for a browser.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "A page for the browser with everything recorded, until Ctrl-C or SIGTERM.",
        discussion: """
            EXAMPLES
              expvault serve
                  then open http://127.0.0.1:9121
              expvault serve --listen 127.0.0.1:8080 --db edge.db
              ssh -L 9121:127.0.0.1:9121 HOST
                  the page of another host, by a tunnel

            Works while another process records. Only this host can reach it, unless --listen says otherwise and there is a \
            --token-file.
            """
    )

    @Option(help: ArgumentHelp("Where to listen.", valueName: "address:port"))
    var listen = ListenArgument.standard
    @OptionGroup var access: DashboardOptions
    @OptionGroup var database: DatabaseOptions
    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = LogLevel.info

    func run() async throws {
        LargeBlocks.keepFreed()
        let level = logLevel.level
        let logger = Logger(label: "expvault") { _ in StandardErrorLog(logLevel: level) }
        let configuration = try access.configuration(database: database.resolvedPath, listen: listen)
        if DashboardConfiguration.isEveryAddress(listen.host), access.hostName.isEmpty {
            logger.warning(
                "browsers on other hosts will get 421: say by which name they reach this one, with --host-name NAME"
            )
        }
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let server = try await DashboardServer.start(configuration, logger: logger)
        logger.info("serving \(database.resolvedPath) on http://\(listen.text(port: server.port))")
        for await _ in signals { break }
        await server.stop()
    }
}
