import ArgumentParser

/// `--out` and `--force` of what writes a file.
struct OutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The file to write; - is standard output, .gz and .zst compress.",
            valueName: "path"
        )
    )
    var out: String
    @OptionGroup var overwriting: OverwritingOptions
    @OptionGroup var terminal: RawOptions
}

/// `--force`, which every command takes that makes a file.
struct OverwritingOptions: ParsableArguments {
    @Flag(help: "Replace the file where it exists.")
    var force = false
}
