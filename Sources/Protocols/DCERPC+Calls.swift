// SPDX-License-Identifier: Apache-2.0
//
// Calls of DCE RPC: which interface a context stands for, what was called, how
// long the answer took.
//
// Reads   binds, requests and responses of each association.
// Writes  one `DCERPCRecord` for each answered call, path "dce_rpc".
// Leaves  framing and fragments (DCERPC.swift).

package import Records
import Wire

/// One call of a remote procedure.
package struct DCERPCRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var roundTrip: Int64?
    package var pipe = Text.absent
    package var endpoint = Text.absent
    package var operation = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.dceRPC
    package static let summary: StaticString = "One call of a remote procedure (DCE RPC)."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.interval("rtt", roundTrip, "Time from the request to the response.")
        row.text("named_pipe", pipe, in: text, "Pipe or port of the server, as it says.", isKey: true)
        row.text("endpoint", endpoint, in: text, "Interface that was called.", isKey: true)
        row.text("operation", operation, in: text, "Operation that was called.", isKey: true)
    }

    /// Names the interface and the operation that were called.
    mutating func name(_ interface: DCERPCInterface, _ number: UInt16) {
        var start = text.begin()
        DCERPCNames.all.writeName(of: interface, to: &text)
        endpoint = text.end(start)
        start = text.begin()
        DCERPCNames.all.writeName(of: number, in: interface, to: &text)
        operation = text.end(start)
    }

    /// Calls that are so common that they say nothing (`DCE_RPC::ignored_operations`).
    var isIgnored: Bool {
        for (name, operations) in DCERPCRecord.ignored where text.equals(endpoint, name) {
            for other in operations where text.equals(operation, other) { return true }
        }
        return false
    }

    private static let ignored: [(StaticString, [StaticString])] = [
        (
            "winreg",
            [
                "BaseRegCloseKey", "BaseRegGetVersion", "BaseRegOpenKey", "BaseRegQueryValue", "BaseRegDeleteKeyEx",
                "BaseRegEnumKey", "OpenLocalMachine", "OpenClassesRoot",
            ]
        ),
        ("spoolss", ["RpcSplOpenPrinter", "RpcClosePrinter"]),
        ("wkssvc", ["NetrWkstaGetInfo"]),
    ]
}

/// One association: a TCP connection, or a pipe of SMB.
struct DCERPCAssociation {
    /// The pipe; 0 over TCP.
    let handle: UInt64
    fileprivate(set) var ts: Timestamp
    fileprivate(set) var roundTrip: Int64?
    /// Name of the pipe, as the server's answer to the bind has it.
    fileprivate(set) var pipe: [UInt8] = []
    /// The interface that was bound last.
    fileprivate(set) var interface: DCERPCInterface?
    fileprivate(set) var contexts: [(id: UInt16, interface: DCERPCInterface)] = []
    /// The last operation of each context.
    fileprivate(set) var operations: [(context: UInt16, operation: UInt16)] = []
    /// What the last row said.
    fileprivate(set) var logged: (interface: DCERPCInterface, operation: UInt16)?

    /// Contexts of one association; those beyond are not known.
    static let contextsMax = 256
    static let pipeBytesMax = 256
}

/// The calls of one connection (Zeek's base/protocols/dce-rpc). The pipes of SMB share one.
final class DCERPCCalls {
    private var associations: [DCERPCAssociation] = []
    private var record = DCERPCRecord()
    /// The last thing seen was a response.
    private var isAnswered = true
    private var hasLostRequests = false

    /// Pipes of one connection (`SMB::max_dce_rpc_analyzers`); with one more all are forgotten.
    private static let associationsMax = 1000

    // MARK: what arrives

    func bound(
        _ interface: DCERPCInterface, to context: UInt16, on handle: UInt64, _ world: inout AnalyzerContext
    ) {
        let place = association(handle, &world)
        associations[place].interface = interface
        if let known = associations[place].contexts.firstIndex(where: { $0.id == context }) {
            associations[place].contexts[known].interface = interface
        } else if associations[place].contexts.count < DCERPCAssociation.contextsMax {
            associations[place].contexts.append((context, interface))
        } else {
            world.limits.met(.names)
        }
        isAnswered = false
    }

    func acknowledged(_ pipe: RawSpan, on handle: UInt64, _ world: inout AnalyzerContext) {
        let place = association(handle, &world)
        isAnswered = false
        guard pipe.byteCount > 0 else { return }
        associations[place].pipe.removeAll(keepingCapacity: true)
        let count = min(pipe.byteCount, DCERPCAssociation.pipeBytesMax)
        pipe.extracting(0..<count).append(to: &associations[place].pipe)
    }

    func requested(
        _ operation: UInt16, context: UInt16, on handle: UInt64, _ world: inout AnalyzerContext
    ) {
        let place = association(handle, &world)
        associations[place].ts = world.now
        if let known = associations[place].operations.firstIndex(where: { $0.context == context }) {
            associations[place].operations[known].operation = operation
        } else if associations[place].operations.count < DCERPCAssociation.contextsMax {
            associations[place].operations.append((context, operation))
        } else {
            world.limits.met(.requests)
        }
        isAnswered = false
    }

    func responded(context: UInt16, on handle: UInt64, _ world: inout AnalyzerContext) {
        let place = association(handle, &world)
        isAnswered = true
        let called = associations[place].operations.first { $0.context == context }?.operation
        guard called != nil || !hasLostRequests else { return }
        let operation = called ?? 0
        let bound = associations[place].contexts.first { $0.id == context }?.interface
        guard let interface = bound ?? associations[place].interface ?? commonInterface(place) else { return }
        associations[place].interface = associations[place].interface ?? interface
        let elapsed = world.now.since(associations[place].ts)
        associations[place].roundTrip = elapsed != 0 ? elapsed : nil
        associations[place].logged = (interface, operation)
        write(place, &world)
    }

    /// Requests were lost: a response whose context has had none since is of a call that nobody knows.
    func lostRequests() {
        hasLostRequests = true
        for place in associations.indices { associations[place].operations.removeAll(keepingCapacity: true) }
    }

    /// A pipe was closed: nothing more of it is written.
    func closed(_ handle: UInt64) {
        associations.removeAll { $0.handle == handle }
    }

    func finish(_ world: inout AnalyzerContext) {
        guard !isAnswered else { return }
        for place in associations.indices { write(place, &world) }
    }

    func reset() {
        associations.removeAll(keepingCapacity: true)
        (isAnswered, hasLostRequests) = (true, false)
    }

    /// The interfaces bound on an association, for events and signatures.
    func interface(of context: UInt16, on handle: UInt64) -> DCERPCInterface? {
        associations.first { $0.handle == handle }?.contexts.first { $0.id == context }?.interface
    }

    // MARK: rows

    private func association(_ handle: UInt64, _ world: inout AnalyzerContext) -> Int {
        if let place = associations.lastIndex(where: { $0.handle == handle }) { return place }
        if associations.count >= DCERPCCalls.associationsMax {
            world.weird(.SMB_discarded_dce_rpc_analyzers, source: "SMB")
            associations.removeAll(keepingCapacity: true)
        }
        associations.append(DCERPCAssociation(handle: handle, ts: world.now))
        return associations.count &- 1
    }

    /// The interface that a pipe's name tells, where the bind was not seen: `\PIPE\winreg`.
    private func commonInterface(_ place: Int) -> DCERPCInterface? {
        let name = associations[place].pipe
        guard !name.isEmpty else { return nil }
        let lower = name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        return DCERPCNames.interface(ofPipe: lower.octets.begins(with: "\\pipe\\") ? lower.dropFirst(6) : lower[...])
    }

    private func write(_ place: Int, _ world: inout AnalyzerContext) {
        guard let (interface, operation) = associations[place].logged else { return }
        record.text.clear()
        record.ts = associations[place].ts
        record.uid = world.uid
        record.id = world.id
        record.roundTrip = associations[place].roundTrip
        let pipe = associations[place].pipe
        record.pipe = pipe.isEmpty ? .absent : record.text.add(pipe.octets)
        record.name(interface, operation)
        if !record.isIgnored { world.output.emit(record) }
    }
}
