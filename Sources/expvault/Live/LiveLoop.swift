import Model
import TerminalView

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Carries out what the view asks for: waits for keys, signals, readings and the time, and draws.
struct LiveLoop {
    /// How the view came to its end.
    enum Ending: Hashable {
        case quit
        case signal(Int32)
        case gone
    }

    /// After a reading at least that many times what it took: one tenth of the time at most goes into reading.
    private static let restFactor = 9
    /// Ages go on by the second, whether anything is read or not.
    private static let drawInterval = Duration.seconds(1)

    private let screen: TerminalScreen
    private let signals: SignalPipe
    private let readings: ReadingThread
    private let interval: Duration
    private var view: LiveView
    private var writer: FrameWriter
    private var parser = KeyParser()
    /// When the last key byte came, while the parser waits for more.
    private var lastByte = ContinuousClock.now
    private var nextReading = ContinuousClock.now
    private var nextDrawing = ContinuousClock.now
    /// Since when a reading is under way.
    private var readingSince: ContinuousClock.Instant?
    /// Something else is to be seen than what was read for.
    private var isReadingWanted = true

    init(
        screen: TerminalScreen,
        signals: SignalPipe,
        readings: ReadingThread,
        view: LiveView,
        writer: FrameWriter,
        interval: Duration
    ) {
        self.screen = screen
        self.signals = signals
        self.readings = readings
        self.view = view
        self.writer = writer
        self.interval = interval
    }

    /// Runs until a key or a signal ends it; the terminal is given back whatever happens.
    mutating func run() throws -> Ending {
        defer { screen.leave() }
        do {
            try screen.enter(signals)
            resize()
            while true {
                if let ending = try turn() { return ending }
            }
        } catch is TerminalScreen.Gone {
            return .gone
        }
    }

    /// Waits for something, does what it asks for, draws.
    private mutating func turn() throws -> Ending? {
        var isDue = ContinuousClock.now >= nextDrawing
        askIfDue()
        if isDue { try draw() }
        var waiting = [STDIN_FILENO, signals.descriptor, readings.descriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        let count = poll(&waiting, nfds_t(waiting.count), milliseconds())
        isDue = false
        while let number = signals.next() {
            if SignalPipe.ending.contains(number) { return .signal(number) }
            try handle(number)
            isDue = true
        }
        if count > 0, waiting[2].revents != 0 {
            take()
            isDue = true
        }
        var keys: [Key] = []
        if count > 0, waiting[0].revents != 0 {
            let bytes = try screen.read()
            lastByte = ContinuousClock.now
            keys = parser.keys(bytes)
        } else if parser.isWaiting, ContinuousClock.now - lastByte >= LiveLoop.keyTimeOut {
            keys = parser.timeOut()
        }
        for key in keys {
            isDue = true
            switch view.press(key, now: now) {
            case .quit: return .quit
            case .redraw: writer.forget()
            case .read: isReadingWanted = true
            case .draw: break
            }
        }
        if isDue { nextDrawing = ContinuousClock.now }
        return nil
    }

    private static let keyTimeOut = Duration.milliseconds(Int(KeyParser.timeOutMilliseconds))

    /// How long to wait for something to happen.
    private func milliseconds() -> Int32 {
        var until = nextDrawing
        if readingSince == nil { until = min(until, nextReading) }
        if parser.isWaiting { until = min(until, lastByte + LiveLoop.keyTimeOut) }
        let left = until - ContinuousClock.now
        let milliseconds =
            left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
        // One more, for what the division cut off: else it would be asked for nothing several times.
        return Int32(clamping: max(0, milliseconds + 1))
    }

    private mutating func draw() throws {
        try screen.write(writer.bytes(for: view.frame(now: now)), signals)
        nextDrawing = ContinuousClock.now + LiveLoop.drawInterval
    }

    private mutating func handle(_ number: Int32) throws {
        switch number {
        case SIGWINCH:
            resize()
        case SIGTSTP:
            screen.leave()
            signals.stop()
            try takeOver()
        case SIGCONT:
            // Somebody stopped us without asking: the shell has been at the terminal meanwhile.
            try takeOver()
        default:
            break
        }
    }

    private mutating func takeOver() throws {
        try screen.enter(signals)
        resize()
        writer.forget()
    }

    private mutating func resize() {
        let size = screen.size
        view.resize(columns: size.columns, rows: size.rows)
    }

    private mutating func askIfDue() {
        guard readingSince == nil, isReadingWanted || ContinuousClock.now >= nextReading else { return }
        isReadingWanted = false
        readingSince = ContinuousClock.now
        readings.ask(view.request(now: now))
    }

    private mutating func take() {
        guard let outcome = readings.take() else { return }
        let since = readingSince ?? ContinuousClock.now
        readingSince = nil
        nextReading = max(since + interval, ContinuousClock.now + outcome.duration * LiveLoop.restFactor)
        switch outcome.result {
        case .success(let reading): view.take(reading)
        case .failure(let failure): view.fail(failure.sentence)
        }
    }

    private var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
