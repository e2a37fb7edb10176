import CURing
import Glibc

extension SimulatedOperation {
    /// Whether its effect is on a disk, and comes with its completion.
    var isOfFile: Bool {
        switch request {
        case .open, .read, .write, .sync, .allocate, .rename, .unlink: true
        default: false
        }
    }

    /// Whether the same request may be made again after EINTR or EAGAIN.
    var isRepeatable: Bool {
        switch request {
        case .accept, .acceptPlain, .connect, .receive, .send, .sendZeroCopy, .open, .read,
            .write, .allocate:
            true
        default: false
        }
    }
}

extension SimulatedRingCore {
    /// Starts an operation: what the kernel does when it takes a submission.
    func start(_ operation: SimulatedOperation) {
        if operation.isOfFile {
            startFile(operation)
            return
        }
        draw(operation, world.faults)
        switch operation.request {
        case .nop: settle(operation, 0)
        case .answer(let result): settle(operation, result)
        case .socket(let family): settle(operation, makeSocket(family))
        case .close(let descriptor):
            let result = closeDescriptor(descriptor)
            settle(operation, operation.injected != 0 ? -operation.injected : result)
        case .cancel(let target): settle(operation, cancel(target))
        default: startSocket(operation)
        }
    }

    private func startSocket(_ operation: SimulatedOperation) {
        guard let object = hold(operation) else {
            settle(operation, -EBADF)
            return
        }
        switch (operation.request, object) {
        case (.accept, let listener as SimulatedListener),
            (.acceptPlain, let listener as SimulatedListener):
            listener.accept(operation)
        case (.accept, is SimulatedSocket), (.acceptPlain, is SimulatedSocket):
            settle(operation, -EINVAL)
        case (.connect(_, let address), let socket as SimulatedSocket):
            operation.path = address.pointee.text
            world.connect(operation, socket)
        case (.receive, let socket as SimulatedSocket): socket.receive(operation)
        case (.send, let socket as SimulatedSocket), (.sendZeroCopy, let socket as SimulatedSocket):
            socket.send(operation)
        case (.shutdown(_, let sendingOnly), let socket as SimulatedSocket):
            settle(operation, socket.shutDown(sendingOnly: sendingOnly))
        case (.disconnect, let socket as SimulatedSocket):
            socket.disconnect()
            settle(operation, 0)
        case (.shutdown, let listener as SimulatedListener): settle(operation, listener.shutDown())
        case (_, is SimulatedListener): settle(operation, -ENOTCONN)
        default: settle(operation, -ENOTSOCK)
        }
    }

    /// Finds what the operation's descriptor names and keeps it open until the operation ends.
    func hold(_ operation: SimulatedOperation) -> SimulatedObject? {
        let descriptor: Descriptor
        switch operation.request {
        case .accept(let named, _), .acceptPlain(let named, _), .connect(let named, _),
            .receive(let named, _, _, _),
            .send(let named, _, _, _), .sendZeroCopy(let named, _, _, _), .shutdown(let named, _),
            .disconnect(let named),
            .open(let named, _, _, _), .read(let named, _, _, _, _), .write(let named, _, _, _, _),
            .sync(let named, _), .allocate(let named, _, _, _), .rename(let named, _, _, _),
            .unlink(let named, _):
            descriptor = named
        case .nop, .answer, .socket, .close, .cancel: return nil
        }
        guard let object = object(descriptor) else { return nil }
        object.hold()
        operation.object = object
        return object
    }

    /// Draws what goes wrong with an operation.
    func draw(_ operation: SimulatedOperation, _ faults: SimulationFaults) {
        if let failure = faults.failure(of: operation.request), !failure.errnos.isEmpty,
            world.random.chance(failure.rate)
        {
            operation.injected = world.random.pick(failure.errnos)
        } else if operation.isRepeatable, world.random.chance(faults.interruptRate) {
            operation.injected = EINTR
        } else if operation.isRepeatable, world.random.chance(faults.againRate) {
            operation.injected = EAGAIN
        }
        let rate = faults.shortRate(of: operation.request)
        if operation.limit > 1, world.random.chance(rate) {
            operation.limit = 1 + world.random.below(operation.limit - 1)
        }
    }

    private func makeSocket(_ family: Int32) -> Int32 {
        guard family == AF_INET || family == AF_INET6 else { return -EAFNOSUPPORT }
        let socket = SimulatedSocket(node: node, address: world.ephemeralAddress(of: node))
        guard let number = openPlain(socket) else {
            node.sockets.removeAll { $0 === socket }
            return -EMFILE
        }
        return number
    }

    private func cancel(_ target: OperationToken) -> Int32 {
        guard let operation = find(target) else { return -ENOENT }
        guard operation.phase == .waiting else { return -EALREADY }
        switch operation.object {
        case let socket as SimulatedSocket:
            if case .connect = operation.request {
                socket.isConnecting = false
                settle(operation, -ECANCELED)
            } else {
                socket.cancel(operation)
            }
        case let listener as SimulatedListener: listener.cancel(operation)
        default: return -EALREADY
        }
        return 0
    }
}

extension SimulationFaults {
    func failure(of request: Request) -> Failure? {
        switch request {
        case .accept, .acceptPlain: accept
        case .connect: connect
        case .receive: receive
        case .send, .sendZeroCopy: send
        case .open: open
        case .read: read
        case .write: write
        case .sync: sync
        case .allocate: allocate
        case .rename: rename
        case .unlink: unlink
        case .close: close
        case .nop, .answer, .socket, .shutdown, .disconnect, .cancel: nil
        }
    }

    func shortRate(of request: Request) -> Double {
        switch request {
        case .receive(_, _, _, let waitAll): waitAll ? shortWaitAllRate : shortReceiveRate
        case .send, .sendZeroCopy: shortWaitAllRate
        case .read: shortReadRate
        case .write: shortWriteRate
        default: 0
        }
    }
}
