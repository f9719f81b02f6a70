import ArgumentParser
import Storage

/// `expvault sql`: one read-only statement over what is recorded.
struct SQLCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sql",
        abstract: "Run one read-only SQL statement over what is recorded.",
        discussion: """
            TABLES (t, first and last in Unix milliseconds)
              targets(target, url, labels, first, last, scrapes,
                  failures)
              runs(target, run, started, first, last, scrapes,
                  cmdline)
              scrapes(target, seq, epoch, t, run, url, duration_ms,
                  status, failure) and, if asked for, body
              samples(target, series, t, value) and, if asked for,
                  value_text, epoch, run, seq
              gc_pauses(target, run, n, end_ns, pause_ns) and,
                  if asked for, t

            FUNCTIONS beside SQLite's own
              percentile(x, p)  exact, by nearest rank
              bucket(t, '1m')   where the step that holds t begins
              rfc3339(t)        the time as text
              unix_ms(text)     and back

            EXAMPLES
              expvault sql 'SELECT * FROM targets'
              expvault sql "SELECT max(value) FROM samples
                  WHERE target = 'api'
                  AND series = 'memstats.HeapAlloc'"
              expvault sql "SELECT rfc3339(bucket(t, '1h')) AS hour,
                  percentile(pause_ns, 99) AS p99
                  FROM gc_pauses GROUP BY 1"

            Conditions on target, series and t make it quick. A statement may take 30 s. A program that reads json or csv \
            gets rows as they are found. See docs/sql.md.
            """
    )

    @Argument(help: ArgumentHelp("The statement.", valueName: "select"))
    var statement: String
    @OptionGroup var format: FormatOptions
    @OptionGroup var database: DatabaseOptions

    func run() throws {
        let snapshot = try database.snapshot()
        defer { DoubtText.tell(snapshot.unlistedNames) }
        let tables = try SQLTables(snapshot)
        let rows = try tables.rows(statement)
        let output = DeadlineOutput(tables, isRaw: format.terminal.isRaw)
        switch format.format {
        case .table: try printTable(rows)
        case .json: try SQLRowsText.writeJSON(rows, to: output)
        case .csv: try SQLRowsText.writeCSV(rows, to: output)
        }
    }

    /// A table needs the widths of all its cells first.
    private func printTable(_ rows: SQLRows) throws {
        let cells = try SQLRowsText.cells(of: rows)
        guard !cells.isEmpty else { return StandardStreams.errorLine("no rows") }
        var table = Table(
            headings: rows.columns.map { Cell.text($0).human },
            isNumeric: rows.columns.indices.map { column in cells.contains { $0[column].isNumeric } }
        )
        for row in cells { table.add(row.map(\.human)) }
        try StandardStreams.output(table.text(isStyled: Terminal.isStyled))
    }
}
