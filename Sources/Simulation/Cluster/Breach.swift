/// A promise that did not hold.
package struct Breach: Sendable, Equatable {
    /// Which of the oracles said so.
    package enum Oracle: String, Sendable, CaseIterable {
        /// What a client was told is true of every member of the chain.
        case ack
        /// What an ack called durable is on every disk of the chain.
        case durable
        /// A node that starts vouches for what was written, and has all that it acked as durable.
        case start
        /// A key is the old or the new value; an acked CLOSE stays.
        case key
        /// No read gives wrong bytes.
        case bytes
        /// What was promised can be read.
        case readable
        /// A reply tells only what is committed.
        case commit
        /// The namespace on the disk is sound: its counters fit its rows, its keys their blocks.
        case namespace
        /// A block number is given once; one client writes a key.
        case generation
        /// A node that was cut off is silent before it counts as dead.
        case fence
        /// A block that was deleted stays away, though a token of it lives on.
        case deleted
        /// An older namespace deletes nothing that the newest one has.
        case older
        /// Who is asked for nothing holds no buffer, place or slot.
        case leak
        /// When nothing goes wrong any more, everything works again.
        case liveness
    }

    package let oracle: Oracle
    package let cycle: Int
    /// Nanoseconds of virtual time.
    package let time: UInt64
    package let sentence: String
}
