/// What `expvault help TOPIC` tells beside the help of each command.
enum HelpTopic: String, CaseIterable {
    case times
    case series
    case exitStatus = "exit-status"

    /// The topic that the arguments of the program ask for; nil where they ask for something else.
    init?(arguments: [String]) {
        guard arguments.count == 3, arguments[1] == "help" else { return nil }
        self.init(rawValue: arguments[2])
    }

    /// The text, which fits a terminal of 60 columns.
    var text: String {
        switch self {
        case .times: HelpTopic.timesText
        case .series: HelpTopic.seriesText
        case .exitStatus: HelpTopic.exitStatusText
        }
    }

    private static let timesText = """
        TIMES (--since, --until, --at), in UTC
          2026-01-02T03:04:05Z   RFC 3339, with any zone
          '2026-01-02 03:04'     without seconds, or a zone
          2026-01-02             a day's beginning
          03:04                  today
          now, today, yesterday
          15m, 1h30m, 7d, 2w     so long ago; -15m as well
          1767323045             Unix seconds: $(date +%s)
          1767323045000          from 10^11 on milliseconds

        A range is half open: what lies at --until is no part of
        it. Without a range the whole recording is asked.

        DURATIONS (--interval, --step, --retain, ...)
          250ms, 90s, 15m, 6h, 7d, 2w
          1.5h, 1h30m            fractions, and parts in units
                                 that get smaller

        SIZES (--max-size, --rate-limit)
          512, 64KiB, 1.5MiB, 1GiB, 500KB, 500MB

        EXAMPLES
          expvault rate memstats.Mallocs --since 20:45
          expvault pauses --since yesterday --until today
          expvault values 'memstats.Heap*' --since 1h30m

        """

    private static let seriesText = """
        A series is one number of a target's document, named by
        the keys that lead to it.

          memstats.HeapAlloc     keys, joined by dots
          queue.0                an element of an array
          memstats.BySize.48.Mallocs
                                 a size class, by its Size
          http\\.requests         a dot inside a key
          up                     1 scraped, 0 failed
          scrape.duration_seconds

        true and false count as 1 and 0; text is kept, and is no
        series. The pauses of the collector are asked for by
        `expvault pauses`.

        Wherever SERIES is taken, a glob is too. Only * is
        special, and crosses dots; quote it for the shell.

        EXAMPLES
          expvault series 'memstats.Heap*'
          expvault rate 'requests.*' --target api
          expvault values up --step 1h

        """

    private static let exitStatusText = """
        EXIT STATUS
          0   done
          1   failed in another way, or in part: something was
              refused, no scrape succeeded
          64  the command line makes no sense
          65  data is damaged, or not what it should be
          66  no such database, target, series or file
          69  a server could not be reached in time
          73  an output cannot be created, or is there already
          74  an input or output error, also a full disk
          75  not now: a lock is held, a deadline passed
          77  no permission
          78  a configuration error

        One line on standard error says what is wrong, and what
        would mend it. Who goes away while we write to a pipe
        ends us by SIGPIPE, as any program.

        """
}
