// SPDX-License-Identifier: Apache-2.0
//
// What SMB remembers of a connection: shares, open files, messages that wait for
// their answer; and when a row is written (Zeek's base/protocols/smb).
//
// Reads   requests and responses, taken apart by SMB1.swift and SMB2.swift.
// Writes  `SMBFilesRecord` and `SMBMappingRecord`.
// Leaves  framing (SMB.swift).

import Records
import Wire

/// A share, or a place that a tree number stands for before its share is known.
final class SMBTree {
    enum Kind: UInt8 {
        case disk = 1, pipe, print
    }

    fileprivate(set) var record = SMBMappingRecord()
    var kind: Kind? = .disk
    /// Reads and writes on it are a pipe's.
    var isPipe = false

    fileprivate func begin(_ context: inout AnalyzerContext) {
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        (kind, isPipe) = (.disk, false)
    }

    var hasPath: Bool { !record.path.isAbsent }

    func setPath(utf16 path: RawSpan) { record.path = record.text.add(utf16: path, limit: SMB.nameBytesMax) }
    func setPath(_ path: RawSpan) { record.path = record.text.add(path, limit: SMB.nameBytesMax) }
    func setService(_ service: RawSpan) { record.service = record.text.add(service, limit: 64) }
    func setFileSystem(_ name: Text, of text: borrowing TextBuffer) {
        record.fileSystem = record.text.add(name, of: text)
    }

    /// The kind by its number in version 2.
    func setKind(_ number: UInt8) {
        kind = Kind(rawValue: number)
        isPipe = kind == .pipe
        switch kind {
        case .disk: record.shareType = record.text.add("DISK")
        case .pipe: record.shareType = record.text.add("PIPE")
        case .print: record.shareType = record.text.add("PRINT")
        case nil:
            let start = record.text.begin()
            record.text.append("unknown-")
            record.text.append(decimal: UInt64(number))
            record.shareType = record.text.end(start)
        }
    }

    /// A pipe's name was opened on it, and its connect was not seen.
    fileprivate func turnIntoPipe() {
        record.path = record.text.add("<unknown>")
        setKind(Kind.pipe.rawValue)
    }
}

/// An open file, or one that is about to be.
final class SMBFile {
    var record = SMBFilesRecord()
    /// The handle, once the server has given one.
    var handle: UInt64 = 0
    /// The handle as its 16 octets stand on the wire; nil where its creation was not seen.
    var identity: [UInt8]?
    /// Where its content goes.
    var content = FileHandle.none
    /// Deleted when it is closed.
    var isTemporary = false

    fileprivate func begin(at ts: Timestamp, _ context: inout AnalyzerContext) {
        record.clear()
        record.ts = ts
        record.uid = context.uid
        record.id = context.id
        (handle, isTemporary, content, identity) = (0, false, .none, nil)
    }

    /// Whether more text may be kept of it: a client may rename for ever.
    private var hasRoom: Bool { record.text.bytes.count < 4 * SMB.nameBytesMax }

    func setName(utf16 name: RawSpan, endsAtZero: Bool = false) {
        guard hasRoom else { return }
        let start = record.text.begin()
        record.text.append(utf16: name, endsAtZero: endsAtZero, limit: SMB.nameBytesMax)
        record.name = record.text.end(start)
        if record.name.count == 0 { record.name = record.text.add("<share_root>") }
    }

    func setName(_ name: RawSpan) {
        guard hasRoom else { return }
        let root: StaticString = "<share_root>"
        record.name = name.byteCount > 0 ? record.text.add(name, limit: SMB.nameBytesMax) : record.text.add(root)
    }

    func rename(utf16 name: RawSpan) {
        guard hasRoom else { return }
        let old = record.name
        record.name = record.text.add(utf16: name, limit: SMB.nameBytesMax)
        record.previousName = old
    }

    func setPath(of tree: SMBTree?) {
        guard let tree, tree.hasPath, hasRoom else { return }
        record.path = record.text.add(tree.record.path, of: tree.record.text)
    }
}

/// A request that waits for its response.
struct SMBPending {
    var command: UInt16
    var ts: Timestamp
    var tree: SMBTree?
    var file: SMBFile?
    /// Exchanges octets over a pipe.
    var isPipeExchange = false
    /// Of a read, a pipe's exchange, or a close.
    var handle: UInt64 = 0
    var offset: UInt64 = 0
}

extension SMB {
    /// Octets of a name or path that are kept.
    static let nameBytesMax = 8192
    /// Requests of one connection that wait (`SMB::max_pending_messages`), and what else is remembered of it.
    private static let pendingMax = 1000
    private static let treesMax = 1000
    private static let filesMax = 4096
    private static let recentMax = 4096
    /// Nanoseconds in which the same thing is written once.
    private static let silence = 180 * second
    /// Names of pipes, by which a tree is known as such whose connect was not seen (`SMB::pipe_filenames`).
    private static let pipeNames: [StaticString] = [
        "MsFteWds", "netdfs", "spoolss", "winreg", "samr", "lsarpc", "wkssvc", "srvsvc",
    ]

    // MARK: requests

    /// The request with this number; remembers a new one where there is none.
    func waiting(
        _ number: UInt64, command: UInt16, tree: SMBTree?, _ context: inout AnalyzerContext
    ) -> SMBPending {
        if let known = pending[number] { return known }
        if pending.count >= SMB.pendingMax {
            context.weird(.SMB_discarded_messages_state, source: "SMB")
            pending.removeAll(keepingCapacity: true)
        }
        let fresh = SMBPending(command: command, ts: context.now, tree: tree)
        pending[number] = fresh
        return fresh
    }

    // MARK: shares

    func makeTree(_ context: inout AnalyzerContext) -> SMBTree {
        let tree = idleTrees.popLast() ?? SMBTree()
        tree.begin(&context)
        return tree
    }

    /// The share that a number stands for; an unknown one where its connect was not seen.
    func tree(_ number: UInt32, _ context: inout AnalyzerContext) -> SMBTree {
        if let known = trees[number] { return known }
        let tree = makeTree(&context)
        setTree(number, tree, &context)
        return tree
    }

    func setTree(_ number: UInt32, _ tree: SMBTree, _ context: inout AnalyzerContext) {
        if trees.count >= SMB.treesMax, trees[number] == nil {
            context.weird(.SMB_discarded_messages_state, source: "SMB")
            trees.removeAll(keepingCapacity: true)
        }
        trees[number] = tree
    }

    func removeTree(_ number: UInt32) {
        guard var tree = trees.removeValue(forKey: number) else { return }
        if idleTrees.count < SMB.idleMax, isKnownUniquelyReferenced(&tree) { idleTrees.append(tree) }
    }

    func writeMapping(_ tree: SMBTree, _ context: inout AnalyzerContext) {
        if tree.record.shareType.isAbsent { tree.setKind(SMBTree.Kind.disk.rawValue) }
        context.output.emit(tree.record)
    }

    // MARK: files

    func makeFile(at ts: Timestamp, _ context: inout AnalyzerContext) -> SMBFile {
        let file = idleFiles.popLast() ?? SMBFile()
        file.begin(at: ts, &context)
        return file
    }

    /// The file that a handle stands for. Where its creation was not seen, `request` made it.
    func file(
        _ handle: UInt64, for request: inout SMBPending, _ context: inout AnalyzerContext
    ) -> SMBFile {
        if let known = files[handle] {
            request.file = known
            return known
        }
        let file = request.file ?? makeFile(at: request.ts, &context)
        request.file = file
        if files.count >= SMB.filesMax {
            context.weird(.SMB_discarded_messages_state, source: "SMB")
            files.removeAll(keepingCapacity: true)
        }
        files[handle] = file
        return file
    }

    /// A name is opened: the name of a pipe says that the tree is one.
    func noteName(_ file: SMBFile, on tree: SMBTree) {
        guard !tree.isPipe else { return }
        for name in SMB.pipeNames where file.record.text.equals(file.record.name, name) { tree.turnIntoPipe() }
    }

    /// Forgets a handle; its memory is used again where nothing waits for it.
    func release(_ handle: UInt64) {
        guard var file = files.removeValue(forKey: handle) else { return }
        if idleFiles.count < SMB.idleMax, isKnownUniquelyReferenced(&file) { idleFiles.append(file) }
    }

    /// Writes a row, if there is one for the action and none like it was written of late.
    func write(_ file: SMBFile, _ action: SMBAction, _ context: inout AnalyzerContext) {
        file.record.action = action
        guard action.isLogged, !file.record.name.isAbsent else { return }
        if let times = file.record.times, isRecent(file.record, times, &context) { return }
        context.output.emit(file.record)
    }

    private func isRecent(
        _ record: borrowing SMBFilesRecord, _ times: SMBTimes, _ context: inout AnalyzerContext
    ) -> Bool {
        var hasher = Hasher()
        hasher.combine(record.action.rawValue)
        hasher.combine(record.file)
        for octet in record.text[record.name] { hasher.combine(octet) }
        hasher.combine(0)
        for octet in record.text[record.path] { hasher.combine(octet) }
        hasher.combine(record.size)
        hasher.combine(times.modified)
        hasher.combine(times.created)
        hasher.combine(times.changed)
        let identity = hasher.finalize()
        let last = recent[identity]
        if last == nil, recent.count >= SMB.recentMax {
            context.limits.met(.names, recent.count)
            recent.removeAll(keepingCapacity: true)
        }
        recent[identity] = context.now
        guard let last else { return false }
        return context.now.since(last) < SMB.silence
    }

    // MARK: pipes

    /// Octets that went over a pipe.
    func pipe(
        _ handle: UInt64, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount > 0 else { return }
        if let known = pipes[handle] {
            known.view.carrier = carrier
            return known.stream(bytes, from: direction, &context)
        }
        if pipes.count >= SMB.pipesMax {
            context.weird(.SMB_discarded_dce_rpc_analyzers, source: "SMB")
            for handle in pipes.keys.sorted() { closePipe(handle, &context) }
        }
        guard let fresh = context.take(.dceRPC) as? DCERPC else { return }
        fresh.join(handle, calls, authentication)
        fresh.view.carrier = carrier
        pipes[handle] = fresh
        fresh.stream(bytes, from: direction, &context)
    }

    func closePipe(_ handle: UInt64, _ context: inout AnalyzerContext) {
        guard let pipe = pipes.removeValue(forKey: handle) else { return }
        pipe.finish(&context)
        context.giveBack(pipe)
    }

    /// Pipes of one connection that are read (`SMB::max_dce_rpc_analyzers`).
    private static let pipesMax = 1000
}
