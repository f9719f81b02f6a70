import ArgumentParser

@main
struct Expvault: AsyncParsableCommand {
    func run() async throws {}
}
