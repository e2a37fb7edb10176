import Dispatch
import Glibc
import Load

/// An interrupted load ends what is under way and shows what it has measured. Interrupted again, it
/// ends at once.
struct Interruption {
    private let sources: [any DispatchSourceSignal]

    init(_ flag: CancelFlag) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if flag.cancel() { _exit(128 + number) }
            }
            source.activate()
            return source
        }
    }

    func end() { for source in sources { source.cancel() } }
}
