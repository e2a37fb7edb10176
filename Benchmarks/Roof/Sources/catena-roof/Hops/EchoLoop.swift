import ArgumentParser

/// How a hop of the ping chain waits.
enum EchoLoop: String, ExpressibleByArgument {
    /// In `recv`, `send` and `pwrite`: the least that the kernel can do.
    case blocking
    /// In one ring, as a server of many connections.
    case ring
    /// In one ring, and a packet is a header of 128 bytes, then what the header says.
    case frames
}
