import Logging
import Wire

/// One request on its way through the machine: what it may read, and what it collects.
struct Turn<Store: NamespaceReader> {
    let store: Store
    let caller: Caller
    let client: ClientID
    let moment: Moment
    var mutations: [Mutation] = []
    var notices: [Notice] = []
    /// The highest block in a report whose number was never given here.
    var beyond: BlockID?

    init(store: Store, caller: Caller, client: ClientID, moment: Moment) {
        self.store = store
        self.caller = caller
        self.client = client
        self.moment = moment
    }

    var now: Int64 { moment.now }

    /// Takes the next numbers of a counter, `count` from the one that is returned. Once for each
    /// counter in a turn: the store sees it later.
    mutating func take(_ counter: Mutation.Counter, count: Int = 1) -> UInt64 {
        let number = store.counter(counter)
        mutations.append(.setCounter(counter, number + UInt64(count)))
        return number
    }

    mutating func note(_ notice: Notice) { notices.append(notice) }
}

/// Something an operator may want to read in the log. The machine only says so; its shell writes.
package struct Notice: Sendable, Equatable {
    package let level: Logger.Level
    package let message: String
    package let details: [String: String]

    package init(_ level: Logger.Level, _ message: String, _ details: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.details = details
    }
}
