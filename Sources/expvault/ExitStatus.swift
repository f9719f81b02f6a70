import ArgumentParser
import Dashboard
import Export
import Handover
import Model
import Query
import Recorder
import Storage

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The one table from errors to words and exit statuses (sysexits.h).
enum ExitStatus: Int32 {
    case done = 0
    case failed = 1
    case usage = 64
    case dataError = 65
    case noInput = 66
    case unavailable = 69
    case cannotCreate = 73
    case inputOutput = 74
    case temporaryFailure = 75
    case noPermission = 77
    case configuration = 78

    /// Says what is wrong in one line, and leaves with the status for it.
    static func leave(after error: any Error) -> Never {
        if let code = error as? ExitCode { exit(code.rawValue) }
        // Help and --version come as errors too: they are answers, and belong to standard output.
        if Expvault.exitCode(for: error) == .success {
            do {
                let text = HelpText.wrapped(Expvault.fullMessage(for: error), columns: HelpText.columns)
                try StandardStreams.output(text + "\n")
                exit(0)
            } catch {
                leave(after: error)
            }
        }
        if isClosedPipe(error) { endByClosedPipe() }
        let (status, sentence) = verdict(on: error)
        StandardStreams.errorLine("expvault: " + EscapedText.escape(sentence))
        exit(status.rawValue)
    }

    /// The status and the sentence for an error.
    static func verdict(on error: any Error) -> (ExitStatus, String) {
        switch error {
        case let error as StorageError: (status(of: error), error.description)
        case let error as SQLStatementError: (status(of: error), error.description)
        case let error as QueryError: (error.isUsage ? .usage : .noInput, error.description)
        case let error as ConfigurationError: (.configuration, error.description)
        case let error as ExportFileError: (status(of: error), error.description)
        case let error as HandoverError: (status(of: error), error.description)
        case let error as ExportSetupError: (.configuration, error.description)
        case let error as ReplayStop: (ExitStatus(rawValue: error.exitStatus) ?? .failed, error.description)
        case let error as StreamError:
            (
                .inputOutput,
                "the output could not be written: \(String(cString: strerror(error.errorNumber)))"
            )
        case let error as DashboardServer.StartError:
            if case .cannotListen = error {
                (.unavailable, error.description)
            } else {
                (.usage, error.description)
            }
        case let error as ReportError: (error == .noRange ? .usage : .noInput, error.description)
        case is CancellationError: (.failed, "interrupted")
        // What the parser of arguments throws knows itself to be that.
        case _ where Expvault.exitCode(for: error) == .validationFailure: (.usage, usage(error))
        default: (.failed, "something failed that nobody foresaw: \(words(for: error))")
        }
    }

    /// What an error says of itself; one that says nothing would be shown by its type's name.
    private static func words(for error: any Error) -> String {
        (error as? any CustomStringConvertible)?.description ?? "it has no words for it"
    }

    private static func status(of error: StorageError) -> ExitStatus {
        switch error {
        case .notFound, .unknownTarget: .noInput
        case .notOurs, .newer, .older, .damaged, .foreignWAL: .dataError
        case .locked, .unsettled: .temporaryFailure
        case .permissionDenied: .noPermission
        case .cannotCreate: .cannotCreate
        case .diskFull, .inputOutput, .departed: .inputOutput
        case .targetExists, .invalidTargetName: .usage
        case .closed, .notSealed: .failed
        }
    }

    private static func status(of error: SQLStatementError) -> ExitStatus {
        switch error {
        case .refused: .usage
        case .deadlinePassed: .temporaryFailure
        case .outOfMemory: .failed
        }
    }

    private static func status(of error: ExportFileError) -> ExitStatus {
        switch error {
        case .notFound: .noInput
        case .permissionDenied: .noPermission
        case .cannotCreate: .cannotCreate
        case .inputOutput, .readerGone: .inputOutput
        case .damaged: .dataError
        }
    }

    private static func isClosedPipe(_ error: any Error) -> Bool {
        if case .readerGone? = error as? ExportFileError { return true }
        return (error as? StreamError)?.isClosedPipe == true
    }

    /// Ends as any program does whose reader went away: by SIGPIPE, which is ignored only for the sake of sockets.
    private static func endByClosedPipe() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        // Reached where whoever started us has it blocked.
        exit(ExitStatus.inputOutput.rawValue)
    }

    private static func status(of error: HandoverError) -> ExitStatus {
        switch error {
        case .cannotCreate: .cannotCreate
        case .permissionDenied: .noPermission
        case .diskFull, .inputOutput: .inputOutput
        }
    }

    /// The parser's own sentence, on one line, with where to read on.
    private static func usage(_ error: any Error) -> String {
        let message = Expvault.message(for: error)
        let line = message.split(separator: "\n").first.map(String.init) ?? "the arguments make no sense"
        let sentence = line + (line.hasSuffix(".") ? "" : ".")
        guard let form = acceptedForm(line) else { return sentence + " See 'expvault --help'." }
        return "\(sentence.dropLast()): \(form)"
    }

    /// What is accepted for the option that a sentence of the parser is about, by what it calls the option's value.
    private static func acceptedForm(_ line: String) -> String? {
        let forms = [
            "<time>": TimeText.rule, "<duration>": DurationText.rule, "<size>": SizeText.rule,
        ]
        return forms.first { line.hasSuffix(" \($0.key)'") || line.hasSuffix(" \($0.key)'.") }?.value
    }
}
