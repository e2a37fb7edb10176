/// Where unsafe pointer types may stand, and why. A folder covers what is below it.
enum UnsafeFiles {
    static let allowed: [String: String] = [
        "Sources/Wire/CRC32C.swift": "ISA-L takes a pointer",
        "Sources/Wire/Crypto": "libcrypto is a C library",
        "Sources/Wire/Frames": "headers are read and written in place, in the slot they came in",
        "Sources/Reactor": "the ring, its slab and its registered memory are the kernel's",
        "Sources/DataPath": "payload stays in registered slots that the kernel fills",
        "Sources/Client/Streams": "payload stays in registered slots that the kernel fills",
        "Sources/Control/Server": "sockets, and a read buffer that the system fills",
        "Sources/Control/Messages": "requests are read in place, in the array they came in",
        "Sources/Control/Store/SQLite": "SQLite is a C library; the WAL is checked in place",
        "Sources/Load/Payload": "the pattern is written to and compared with the engine's slots",
        "Sources/Load/Run/Worker+Get.swift": "what the engine delivers, where it is",
        "Sources/Simulation/Client/SimulatedValue.swift": "the pattern fills the engine's slots",
        "Sources/Simulation/Datanode/Impostor.swift": "its buffers are the simulated ring's",
        "Sources/System/AddressList.swift": "getaddrinfo's list",
        "Sources/System/SocketAddress.swift": "the kernel reads and fills it in place",
        "Sources/ToolSupport/Program/Arguments.swift": "argv, and names as the system takes them",
        "Sources/ToolSupport/Program/DetachedThread.swift": "a thread's argument",
        "Sources/ToolSupport/Program/SignalWatch.swift": "signal(2) has handlers as pointers",
        "Benchmarks/Micro": "headers are written and read in place",
        "Benchmarks/Roof": "the bare ring, its memory and blocking sockets",
        "Tests/ReactorTests": "the reactor's memory, from outside",
        "Tests/DataPathTests": "pages as the device has them",
        "Tests/SimulationTests": "the generator fills the engine's slots",
        "Tests/TidyTests": "the rule itself names them",
    ]
}
