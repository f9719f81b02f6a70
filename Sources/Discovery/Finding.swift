/// A socket of a Go program, and what came of asking there.
package struct Finding: Hashable, Sendable {
    /// The process that listens.
    package var process: Int32
    /// The name of the program's file.
    package var program: String
    /// The Go that built it; nil where the program does not say (before Go 1.13).
    package var goVersion: String?
    /// What was asked, and can be recorded where it answers.
    package var url: String
    /// The port, or the name of the socket's file: what tells two processes of one program apart.
    package var door: String
    /// `vars` where a document was answered, else why not.
    package var answer: String

    /// What `answer` is where there is something to record.
    package static let vars = "vars"

    /// Whether there is something to record.
    package var servesVars: Bool { answer == Finding.vars }

    /// A finding.
    package init(
        process: Int32,
        program: String,
        goVersion: String?,
        url: String,
        door: String,
        answer: String
    ) {
        self.process = process
        self.program = program
        self.goVersion = goVersion
        self.url = url
        self.door = door
        self.answer = answer
    }
}
