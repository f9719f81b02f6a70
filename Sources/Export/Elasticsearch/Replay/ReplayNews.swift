package import Model
import Synchronization

/// What a person should hear of an export when it happens, also where nobody looks at a progress line.
package enum ReplayNews: Hashable, Sendable {
    /// The server takes nothing: since when, and why.
    ///
    /// - Parameter pending: documents that are not sent yet, at most; nil where that cannot be told.
    case waiting(since: Timestamp, reason: String, pending: Int64?)
    /// Ids must be looked up, and may be only after so many milliseconds.
    case lookUp(milliseconds: Int64)
    /// Documents are taken again, so many milliseconds after they were not.
    case goingOn(afterMilliseconds: Int64)
}

/// Why an export stands still.
package enum Standstill: Hashable, Sendable {
    /// The server is away, or takes nothing; since when nothing got through, and when it is tried again.
    case failing(reason: String, since: Int64, until: Int64)
    /// Before that moment ids cannot be looked up.
    case lookUp(until: Int64)

    /// Why a look-up waits, in words.
    package static let lookUpWords =
        "what an earlier request may have stored can be looked up only once that request is over"
}

/// Decides when a person is told that an export waits: on each change, and never of what is over in a moment.
struct StandstillWatch {
    /// What passes within this time, in milliseconds, is not worth a line: the first retry comes after one second.
    static let saidAfter: Int64 = 2_000

    /// What is to be said, without what only the shell knows.
    enum Change: Hashable {
        case waiting(sinceMilliseconds: Int64, reason: String)
        case lookUp(milliseconds: Int64)
        case goingOn(afterMilliseconds: Int64)
    }

    private enum Said: Hashable {
        case failing(reason: String)
        case lookUp
    }

    private var since: Int64?
    private var said: Said?

    /// Takes how things stand at `now`, and gives what is to be said of it.
    mutating func event(_ standstill: Standstill?, now: Int64) -> Change? {
        guard let standstill else {
            defer {
                since = nil
                said = nil
            }
            guard let since, said != nil else { return nil }
            return .goingOn(afterMilliseconds: now - since)
        }
        switch standstill {
        case .failing(let reason, let begun, let until):
            // A request that nobody answers has failed only after its timeout: the silence began before.
            let since = self.since ?? begun
            self.since = since
            guard said != .failing(reason: reason), max(now, until) - since >= Self.saidAfter else {
                return nil
            }
            said = .failing(reason: reason)
            return .waiting(sinceMilliseconds: now - since, reason: reason)
        case .lookUp(let until):
            since = since ?? now
            guard said != .lookUp, until - now >= Self.saidAfter else { return nil }
            said = .lookUp
            return .lookUp(milliseconds: until - now)
        }
    }
}

/// Tells the news of one export, whichever of its parts has them.
final class ReplayHerald: Sendable {
    private let watch = Mutex(StandstillWatch())
    private let tell: @Sendable (ReplayNews) -> Void

    init(_ tell: @escaping @Sendable (ReplayNews) -> Void) {
        self.tell = tell
    }

    /// Takes how things stand; `pending` is asked only where that is said.
    func event(_ standstill: Standstill?, pending: () -> Int64?) {
        switch watch.withLock({ $0.event(standstill, now: MonotonicClock.now) }) {
        case nil: break
        case .waiting(let milliseconds, let reason):
            let since = Timestamp(milliseconds: MonotonicClock.wall - milliseconds)
            tell(.waiting(since: since, reason: reason, pending: pending()))
        case .lookUp(let milliseconds): tell(.lookUp(milliseconds: milliseconds))
        case .goingOn(let milliseconds): tell(.goingOn(afterMilliseconds: milliseconds))
        }
    }
}
