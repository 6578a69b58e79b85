// SPDX-License-Identifier: Apache-2.0
//
// Files seen inside protocols: one layer for all of them.
//
// Reads   octets of files as protocols find them, in order or with their offsets; gaps; the clock.
// Writes  one row of "files" for each file and connection; the type of each, once.
// Leaves  what is done with the octets (SeenFiles+Content.swift), the row (FilesLog.swift).
//
// The rules are Zeek's (spec: src/file_analysis): a file begins with its first octet, its type
// is decided over 4096 octets in order or what there is of them, it ends by word of its
// protocol, when all of its octets are there, after two minutes without any, or with the input.

import Files
import Records
import Wire

/// A file at work; kept by the analyzer that found it. A handle whose file is over does nothing.
struct FileHandle: BitwiseCopyable, Equatable, Sendable {
    fileprivate(set) var slot: UInt32 = 0
    fileprivate(set) var generation: UInt32 = 0

    /// No file.
    static let none = FileHandle()
    var isNone: Bool { slot == 0 }
}

/// One file. Reused for another; keeps its memory.
final class SeenFile {
    let slot: UInt32
    fileprivate(set) var generation: UInt32 = 1
    fileprivate(set) var isTaken = false
    /// Has had an octet or a gap, and so gets a row.
    fileprivate(set) var isActive = false

    fileprivate(set) var source = FileSource.http
    fileprivate(set) var direction = Direction.originator
    fileprivate(set) var depth = 0
    fileprivate(set) var id = UID(value: 0)
    /// Joins the file over connections; nil for a file of one.
    fileprivate(set) var key: UInt64?
    fileprivate(set) var name: [UInt8] = []
    fileprivate(set) var hasName = false
    /// A list of files, which FTP carries like one.
    fileprivate(set) var isListing = false
    fileprivate(set) var connections: [FileConnection] = []

    fileprivate(set) var started = Timestamp.zero
    fileprivate(set) var last = Timestamp.zero
    /// Where in the file the next octet in order belongs.
    fileprivate(set) var offset: UInt64 = 0
    fileprivate(set) var seenBytes: UInt64 = 0
    fileprivate(set) var missingBytes: UInt64 = 0
    fileprivate(set) var overflowBytes: UInt64 = 0
    fileprivate(set) var totalBytes: UInt64?
    fileprivate(set) var type: MIMEType?
    var head = FileHead()
    fileprivate var reassembly: FileReassembly?
    var readers = FileReaders()
    /// Who tells of the transaction that carries it, and which that is; for events of EVE.
    fileprivate(set) weak var describer: Analyzer?
    fileprivate(set) var transaction: UInt64 = 0

    // The list of files by the time at which they are looked at.
    fileprivate var due = Timestamp.zero
    fileprivate var earlier: UInt32 = 0
    fileprivate var later: UInt32 = 0

    init(slot: UInt32) { self.slot = slot }

    var handle: FileHandle { FileHandle(slot: slot, generation: generation) }
    var isWhole: Bool { totalBytes.map { offset >= $0 } ?? false }

    /// As before the first octet.
    fileprivate func clear() {
        isActive = false
        (offset, seenBytes, missingBytes, overflowBytes) = (0, 0, 0, 0)
        type = nil
        head.begin()
        reassembly = nil
        readers.clear()
    }
}

/// One connection that a file was seen on.
struct FileConnection {
    var uid: UID
    var id: ConnectionID
    /// The connection's place in the order of rows.
    var ordinal: UInt64
}

/// The files of one worker.
struct SeenFiles {
    /// Octets of programs and answers of OCSP that wait for the end of their file.
    static let gatheredBytesMax = 64 << 20
    var gatheredByteCount = 0

    /// Connections of one file that get a row.
    static let connectionsMax = 256
    static let nameBytesMax = 4096

    private var slots = [SeenFile(slot: 0)]
    private var free: [UInt32] = []
    private var byKey: [UInt64: UInt32] = [:]
    /// The files of each connection, where events of EVE ask for them; at most `linkedMax` each.
    private var byConnection: [UID: [UInt32]] = [:]
    private static let linkedMax = 1024
    private var first: UInt32 = 0
    private var newest: UInt32 = 0
    /// When the first of the list is looked at.
    private(set) var due = Timestamp(nanoseconds: .max)
    fileprivate(set) var clock = Timestamp(nanoseconds: .min)
    /// Octets held out of order in all files.
    fileprivate(set) var heldBytes = 0
    fileprivate(set) var counters = FileCounters()
    /// Files and octets saved, and those that are being saved.
    private(set) var extractedCount = 0
    private(set) var extractedBytes: UInt64 = 0

    mutating func beginExtraction() { extractedCount &+= 1 }
    /// Files that wait for a rule, and what rules have wanted of connections that are open.
    var waiting = StoredFiles()

    /// A file that was saved is not kept after all.
    mutating func discardExtraction(_ byteCount: UInt64) {
        extractedCount &-= 1
        extractedBytes &-= byteCount
    }

    mutating func refuseExtraction() { counters.notExtracted &+= 1 }

    mutating func endExtraction(_ byteCount: UInt64, isKept: Bool, hasFailed: Bool) {
        if isKept { extractedBytes &+= byteCount } else { extractedCount &-= 1 }
        if hasFailed { counters.notExtracted &+= 1 }
    }

    /// The files that are open on a connection's transaction.
    func open(on uid: UID, _ transaction: UInt64, _ body: (SeenFile) -> Void) {
        for slot in byConnection[uid] ?? [] {
            let file = slots[Int(slot)]
            if file.isActive, file.transaction == transaction { body(file) }
        }
    }

    /// Remembers a connection's file for `open`; false where it has too many.
    fileprivate mutating func link(_ file: SeenFile, to uid: UID) -> Bool {
        guard byConnection[uid, default: []].count < SeenFiles.linkedMax else { return false }
        byConnection[uid, default: []].append(file.slot)
        return true
    }

    private mutating func unlink(_ file: SeenFile) {
        for connection in file.connections {
            guard let place = byConnection[connection.uid]?.firstIndex(of: file.slot) else { continue }
            byConnection[connection.uid]?.remove(at: place)
            if byConnection[connection.uid]?.isEmpty == true { byConnection[connection.uid] = nil }
        }
    }

    /// A limit of what waits for the end of files left octets out.
    mutating func countOverflow(_ count: UInt64) { counters.overflowed &+= count }

    /// The file of a handle, unless it is over.
    subscript(_ handle: FileHandle) -> SeenFile? {
        guard handle.slot > 0 else { return nil }
        let file = slots[Int(handle.slot)]
        return file.generation == handle.generation ? file : nil
    }

    fileprivate subscript(key key: UInt64) -> SeenFile? { byKey[key].map { slots[Int($0)] } }

    /// The file that is looked at first; nil where there is none.
    fileprivate var earliest: SeenFile? { first == 0 ? nil : slots[Int(first)] }
    fileprivate var count: Int { slots.count &- free.count &- 1 }

    fileprivate mutating func take(key: UInt64?) -> SeenFile {
        let file: SeenFile
        if let slot = free.popLast() {
            file = slots[Int(slot)]
        } else {
            file = SeenFile(slot: UInt32(truncatingIfNeeded: slots.count))
            slots.append(file)
        }
        file.isTaken = true
        file.key = key
        if let key { byKey[key] = file.slot }
        return file
    }

    fileprivate mutating func release(_ file: SeenFile) {
        if let key = file.key { byKey[key] = nil }
        file.clear()
        file.generation &+= 1
        file.isTaken = false
        file.key = nil
        file.totalBytes = nil
        file.hasName = false
        if !byConnection.isEmpty { unlink(file) }
        file.name.removeAll(keepingCapacity: true)
        file.connections.removeAll(keepingCapacity: true)
        free.append(file.slot)
    }

    /// Puts a file at the end of the list: it is looked at later than all others.
    fileprivate mutating func watch(_ file: SeenFile, until due: Timestamp) {
        file.due = due
        file.earlier = newest
        file.later = 0
        if newest == 0 { first = file.slot } else { slots[Int(newest)].later = file.slot }
        newest = file.slot
        if first == file.slot { self.due = due }
    }

    fileprivate mutating func unwatch(_ file: SeenFile) {
        if file.earlier == 0 { first = file.later } else { slots[Int(file.earlier)].later = file.later }
        if file.later == 0 { newest = file.earlier } else { slots[Int(file.later)].earlier = file.earlier }
        due = earliest?.due ?? Timestamp(nanoseconds: .max)
    }
}

/// What files cost and what was cut, for the statistics.
package struct FileCounters: Sendable, Equatable {
    package var seen: UInt64 = 0
    /// Ended early, or not taken, because the table was full.
    package var evicted: UInt64 = 0
    /// Octets given up to the limits of reassembly.
    package var overflowed: UInt64 = 0
    /// Files that were to be saved and were not, or not whole: to a limit, or for want of room.
    package var notExtracted: UInt64 = 0

    package init() {}
}

// MARK: what analyzers call

extension AnalyzerContext {
    /// A file on the connection at work, sent by `direction`. `total` is its size where that is known,
    /// `depth` the number of its part in a message. `key` joins what is one file over connections or
    /// again (see `FileKey`): where the file is open it is gone on with. Cheap enough to be called
    /// before each stretch of such a file. To be ended by `endFile`, unless it has a key.
    mutating func beginFile(
        _ source: FileSource, from direction: Direction, total: UInt64? = nil, depth: Int = 0, key: UInt64? = nil
    ) -> FileHandle {
        openFile(source, from: direction, total: total, depth: depth, key: key).file
    }

    /// What a handle stands for is a list, and no file for signatures.
    mutating func markListing(_ file: FileHandle) { files[file]?.isListing = true }

    /// The same; `isNew` where this connection had no part in the file so far.
    mutating func openFile(
        _ source: FileSource, from direction: Direction, total: UInt64? = nil, depth: Int = 0, key: UInt64? = nil
    ) -> (file: FileHandle, isNew: Bool) {
        if let key, let known = files[key: key] {
            if let total { known.totalBytes = total }
            return (known.handle, join(known))
        }
        guard makeRoomForFile() else { return (.none, false) }
        let file = files.take(key: key)
        file.source = source
        file.isListing = false
        file.direction = direction
        file.depth = depth
        file.totalBytes = total
        if wantsEvents { (file.describer, file.transaction) = (describer, currentTransaction(from: direction)) }
        if let key {
            file.id = UID.make(fileKey: key)
        } else {
            file.id = UID.make(fileOf: uid, direction: direction, ordinal: fileOrdinal)
            fileOrdinal &+= 1
        }
        _ = join(file)
        return (file.handle, true)
    }

    /// The name that the protocol gives the file.
    mutating func nameFile(_ file: FileHandle, _ name: RawSpan) {
        guard let file = files[file] else { return }
        file.hasName = true
        file.name.removeAll(keepingCapacity: true)
        name.extracting(0..<min(name.byteCount, SeenFiles.nameBytesMax)).append(to: &file.name)
    }

    /// The next octets of a file. Answers its type if these octets have decided it.
    @discardableResult
    mutating func fileData(_ file: FileHandle, _ bytes: RawSpan) -> MIMEType? {
        guard bytes.byteCount > 0, let file = files[file] else { return nil }
        return add(bytes, at: file.offset, to: file)
    }

    /// Octets that belong at `offset`, whatever came before them.
    @discardableResult
    mutating func fileData(_ file: FileHandle, _ bytes: RawSpan, at offset: UInt64) -> MIMEType? {
        guard bytes.byteCount > 0, let file = files[file] else { return nil }
        return add(bytes, at: offset, to: file)
    }

    /// `count` octets were not seen and will not come; they are the next ones, or stand at `offset`.
    @discardableResult
    mutating func fileGap(_ file: FileHandle, _ count: UInt64, at offset: UInt64? = nil) -> MIMEType? {
        guard count > 0, let file = files[file] else { return nil }
        activate(file)
        let wasDecided = file.head.isDecided
        if file.reassembly != nil {
            let (end, overflows) = (offset ?? file.offset).addingReportingOverflow(count)
            if !overflows { flush(file, to: end) }
        } else {
            hole(count, in: file)
        }
        return settle(file, wasDecided)
    }

    /// The file is over. Answers its type if that was undecided.
    @discardableResult
    mutating func endFile(_ file: FileHandle) -> MIMEType? {
        guard let file = files[file] else { return nil }
        let wasDecided = file.head.isDecided
        let type = file.isActive ? finish(file, timedOut: false) : nil
        if file.isTaken { files.release(file) }
        return wasDecided ? nil : type
    }

    /// The same for the file that a key joins, where one is open.
    mutating func endFile(key: UInt64) {
        if let file = files[key: key] { endFile(file.handle) }
    }

    /// Whether the file has had an octet or a gap.
    func hasBegun(_ file: FileHandle) -> Bool { files[file]?.isActive ?? false }

    /// The message that had the file's first octets is whole only now: the file begins with it, as where
    /// messages are held until they are whole.
    func beginsNow(_ file: FileHandle) { files[file]?.started = now }

    /// Whether the file of a handle is still at work.
    func isOpen(_ file: FileHandle) -> Bool { files[file] != nil }

    /// The identity of a file, `fuid` in logs.
    func fileID(_ file: FileHandle) -> UID? { files[file]?.id }

    /// Whether the type of a file was asked for: it will not change. So for a file that is over.
    func fileIsDecided(_ file: FileHandle) -> Bool { files[file]?.head.isDecided ?? true }

    /// The type by content, once it is decided.
    func fileType(_ file: FileHandle) -> MIMEType? { files[file]?.type }

    /// Figures for the statistics.
    package var fileCounters: FileCounters { files.counters }
    /// Certificates that had to be forgotten, and are read again when they are met.
    package var forgottenCertificates: UInt64 { certificates.forgotten }
}

// MARK: how it is done

extension AnalyzerContext {
    /// Makes room in a full table: the file that would be looked at first ends early.
    private mutating func makeRoomForFile() -> Bool {
        guard files.count >= settings.files.openMax else { return true }
        files.counters.evicted &+= 1
        guard let earliest = files.earliest else { return false }
        finish(earliest, timedOut: true)
        if earliest.isTaken { files.release(earliest) }
        return true
    }

    /// Adds the connection at work to a file's; false where it is there.
    private mutating func join(_ file: SeenFile) -> Bool {
        for known in file.connections where known.uid == uid { return false }
        guard file.connections.count < SeenFiles.connectionsMax else {
            limits.met(.connectionsOfFile)
            return false
        }
        file.connections.append(FileConnection(uid: uid, id: id, ordinal: output.ordinal))
        if wantsEvents, !files.link(file, to: uid) { limits.met(.connectionsOfFile) }
        return true
    }

    private mutating func activate(_ file: SeenFile) {
        file.last = now
        guard !file.isActive else { return }
        file.isActive = true
        file.started = now
        files.counters.seen &+= 1
        files.watch(file, until: max(files.clock, now).adding(settings.files.idle))
        fileBegan(file)
    }

    private mutating func add(_ bytes: RawSpan, at offset: UInt64, to file: SeenFile) -> MIMEType? {
        activate(file)
        let wasDecided = file.head.isDecided
        if file.reassembly == nil, offset == file.offset {
            stream(bytes, to: file)
            return settle(file, wasDecided)
        }
        if let reassembly = file.reassembly {
            let isFull = reassembly.byteCount > settings.files.reassemblyBytesMax || reassembly.isFull
            if isFull || files.heldBytes > settings.files.reassemblyTotalMax { giveUp(file) }
        } else {
            file.reassembly = FileReassembly(from: file.offset)
        }
        hold(bytes, at: offset, file)
        return settle(file, wasDecided)
    }

    private mutating func hold(_ bytes: RawSpan, at offset: UInt64, _ file: SeenFile) {
        let before = file.reassembly?.byteCount ?? 0
        file.reassembly?.insert(bytes, at: offset)
        while let next = file.reassembly?.take() { stream(next.octets, to: file) }
        files.heldBytes &+= (file.reassembly?.byteCount ?? 0) &- before
    }

    /// Too much is held: what there is goes on with its holes.
    private mutating func giveUp(_ file: SeenFile) {
        guard let reassembly = file.reassembly else { return }
        file.overflowBytes &+= reassembly.firstHole
        files.counters.overflowed &+= reassembly.firstHole
        flush(file, to: reassembly.end)
    }

    /// Delivers what is held below `end`, and the holes between.
    private mutating func flush(_ file: SeenFile, to end: UInt64) {
        let before = file.reassembly?.byteCount ?? 0
        while let step = file.reassembly?.takeAnything(below: end) {
            switch step {
            case .bytes(let bytes): stream(bytes.octets, to: file)
            case .hole(let count): hole(count, in: file)
            }
        }
        files.heldBytes &+= (file.reassembly?.byteCount ?? 0) &- before
    }

    /// Octets in order.
    private mutating func stream(_ bytes: RawSpan, to file: SeenFile) {
        file.offset &+= UInt64(bytes.byteCount)
        file.seenBytes &+= UInt64(bytes.byteCount)
        var rest = bytes
        if !file.head.isDecided {
            let before = file.head.bytes.count
            let isFull = file.head.append(bytes)
            rest = bytes.extracting(file.head.bytes.count &- before..<bytes.byteCount)
            if isFull { decide(file) }
        }
        fileConsumed(bytes, rest: rest, of: file)
    }

    private mutating func hole(_ count: UInt64, in file: SeenFile) {
        decide(file)
        file.offset &+= count
        file.missingBytes &+= count
        fileHole(count, of: file)
    }

    private mutating func decide(_ file: SeenFile) {
        guard !file.head.isDecided else { return }
        file.type = file.head.decide()
        fileTyped(file)
    }

    /// After octets: the file may be whole. Answers its type if that was decided meanwhile.
    private mutating func settle(_ file: SeenFile, _ wasDecided: Bool) -> MIMEType? {
        guard file.isWhole else { return wasDecided || !file.head.isDecided ? nil : file.type }
        let type = finish(file, timedOut: false)
        return wasDecided ? nil : type
    }

    /// Writes the rows of a file. One of one connection is then as before its first octet: more
    /// of it makes another row. One with a key is gone, until somebody begins it again. Answers its type.
    @discardableResult
    private mutating func finish(_ file: SeenFile, timedOut: Bool) -> MIMEType? {
        if let reassembly = file.reassembly { flush(file, to: reassembly.end) }
        decide(file)
        files.unwatch(file)
        fileEnded(file, timedOut: timedOut)
        if wantsEvents { writeFileInfo(file, isCut: timedOut) }
        let ordinal = output.ordinal
        for connection in file.connections {
            output.ordinal = connection.ordinal
            filesRecord.fill(file, connection, settings, timedOut: timedOut)
            output.emit(filesRecord)
        }
        output.ordinal = ordinal
        let type = file.type
        if file.key == nil { file.clear() } else { files.release(file) }
        return type
    }

    /// Moves the clock: files that have been silent for long enough end.
    mutating func advanceFiles(to time: Timestamp) {
        files.clock = time
        while files.due <= time, let file = files.earliest {
            if time.since(file.last) >= settings.files.idle {
                finish(file, timedOut: true)
            } else {
                files.unwatch(file)
                files.watch(file, until: time.adding(settings.files.idle))
            }
        }
    }

    /// The input is over: what is open ends.
    mutating func finishFiles() {
        while let file = files.earliest { finish(file, timedOut: true) }
    }
}
