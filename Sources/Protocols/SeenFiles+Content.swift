// SPDX-License-Identifier: Apache-2.0
//
// What is done with the octets of files: digests, saving, headers of programs, answers of OCSP.
//
// Reads   the octets of each file in order, its holes, its type when that is decided.
// Writes  columns of the file's row; logs "pe" and "ocsp"; files in the folder of extraction;
//         buffers of signatures.
// Leaves  where files begin and end (SeenFiles.swift).

import Files
import Records
import Wire

/// What looks at the octets of one file.
struct FileReaders {
    var digests: FileDigests?
    var hashes: FileHashes = []
    var extraction: FileExtraction?
    var extractionName: [UInt8] = []
    /// The file is kept only if it has this digest.
    var wantedDigest: [UInt8]?
    /// The file is kept only if a rule wants it.
    var waitsForRule = false
    /// The first octets of a program, or all of an answer of OCSP.
    var gathered: [UInt8] = []
    var gatheredMax = 0
    var gatheredAt = Timestamp.zero
    /// The signatures hear of it, on this transaction; of its octets and name only where nobody else shows them.
    var isExposed = false
    var exposesContent = false
    var transaction: UInt64 = 0

    mutating func clear() {
        digests = nil
        hashes = []
        extraction = nil
        wantedDigest = nil
        waitsForRule = false
        gathered.removeAll(keepingCapacity: gathered.capacity <= 8192)
        gatheredMax = 0
        (isExposed, exposesContent) = (false, false)
    }

    var isEmpty: Bool { digests == nil && extraction == nil && gatheredMax == 0 && !isExposed }
}

/// The types of files that are read further.
private enum KnownTypes {
    static let program = Array("application/x-dosexec".utf8)
    static let answer = Array("application/ocsp-response".utf8)
}

extension AnalyzerContext {
    /// A file has its first octet, or a hole in its place.
    mutating func fileBegan(_ file: SeenFile) {
        var hashes = settings.files.hashes
        if transactions.wantsTransactions {
            if wants(.fileMD5) { hashes.insert(.md5) }
            if wants(.fileSHA1) { hashes.insert(.sha1) }
            if wants(.fileSHA256) { hashes.insert(.sha256) }
            file.readers.isExposed = true
            // HTTPView shows the bodies of HTTP, as signatures want them, but for the parts of forms. Of these, and
            // of mails, each part with a name is a file; the text of a mail is none.
            switch file.source {
            case .http: file.readers.exposesContent = file.direction == .originator && file.hasName
            case .smtp: file.readers.exposesContent = file.hasName
            default: file.readers.exposesContent = !file.isListing
            }
            file.readers.transaction = currentTransaction(from: file.direction)
        }
        guard !hashes.isEmpty else { return }
        file.readers.hashes = hashes
        file.readers.digests = FileDigests(hashes)
    }

    /// The type is decided; the octets so far are those of `file.head`.
    mutating func fileTyped(_ file: SeenFile) {
        let name = file.type?.name
        if name == KnownTypes.program { file.readers.gatheredMax = PEHeader.bytesMax }
        if name == KnownTypes.answer { file.readers.gatheredMax = OCSPResponse.bytesMax }
        if file.readers.gatheredMax > 0 {
            let head = file.head.bytes
            gather(head.octets, file)
            file.readers.gatheredAt = now
        }
        let storesFile = storesFiles && file.readers.isExposed
        guard !settings.files.extractionRules.isEmpty || storesFile else { return }
        let rule = settings.files.extractionRules.first {
            $0.mayMean(type: name, name: file.hasName ? file.name : nil, source: file.source.name)
        }
        guard rule != nil || storesFile else { return }
        beginExtraction(file, rule)
        let head = file.head.bytes
        file.readers.extraction?.add(head.octets)
    }

    /// Octets in order; `rest` are those that do not stand in the file's head.
    mutating func fileConsumed(_ bytes: RawSpan, rest: RawSpan, of file: SeenFile) {
        guard !file.readers.isEmpty else { return }
        file.readers.digests?.add(bytes)
        if file.readers.exposesContent {
            exposePart(
                .fileData, bytes, tx: file.readers.transaction, from: file.direction, instance: file.id.value)
        }
        file.readers.extraction?.add(rest)
        gather(rest, file)
    }

    /// Keeps octets that are read when the file is over, if all files together do not hold too many.
    private mutating func gather(_ bytes: RawSpan, _ file: SeenFile) {
        let count = min(file.readers.gatheredMax &- file.readers.gathered.count, bytes.byteCount)
        guard count > 0 else { return }
        guard files.gatheredByteCount &+ count <= SeenFiles.gatheredBytesMax else {
            files.countOverflow(UInt64(count))
            file.readers.gatheredMax = file.readers.gathered.count
            return
        }
        files.gatheredByteCount &+= count
        bytes.extracting(0..<count).append(to: &file.readers.gathered)
    }

    /// Octets that will not come. A digest of the others would be that of another file.
    mutating func fileHole(_ count: UInt64, of file: SeenFile) {
        file.readers.digests = nil
        file.readers.extraction?.skip(count)
        // What is read must be whole.
        file.readers.gatheredMax = min(file.readers.gatheredMax, file.readers.gathered.count)
    }

    /// The file is over: fills the columns that say what was done with it, and writes what was read.
    mutating func fileEnded(_ file: SeenFile, timedOut: Bool) {
        filesRecord.clearContent()
        guard !file.readers.isEmpty else { return }
        files.gatheredByteCount &-= file.readers.gathered.count
        if let digests = file.readers.digests {
            filesRecord.take(digests, file.readers.hashes)
        }
        if file.readers.extraction != nil { endExtraction(file) }
        if file.readers.isExposed { exposeEnd(file) }
        if file.readers.gatheredMax > 0 { read(file) }
        file.readers.clear()
    }

    private mutating func read(_ file: SeenFile) {
        var gathered: [UInt8] = []
        swap(&gathered, &file.readers.gathered)
        if file.type?.name == KnownTypes.program {
            filesRecord.add(analyzer: "PE")
            if let header = PEHeader(parsing: gathered.octets) {
                var record = PERecord()
                record.ts = file.readers.gatheredAt
                record.file = file.id
                record.header = header
                output.emit(record)
            }
        } else {
            logOCSP(gathered.octets, file: file.id, at: file.readers.gatheredAt)
        }
        swap(&gathered, &file.readers.gathered)
    }

    // MARK: saving

    private mutating func beginExtraction(_ file: SeenFile, _ rule: ExtractionRule?) {
        guard let folder = settings.files.extractionFolder else { return }
        let limits = settings.files
        guard files.extractedCount < limits.extractionCountMax, files.extractedBytes < limits.extractionTotalMax else {
            files.refuseExtraction()
            return
        }
        // Made of our own values alone: nothing of the name comes off the wire.
        var name = TextBuffer()
        name.append("extract-")
        name.append(decimal: UInt64(clamping: file.started.nanoseconds / second))
        name.append("-")
        name.append(file.source.name)
        name.append("-")
        file.id.write(prefix: 0x46, to: &name.bytes)
        let room = min(limits.extractionBytesMax, limits.extractionTotalMax &- files.extractedBytes)
        var text = String(decoding: name.bytes, as: UTF8.self)
        if rule == nil { text = StoredFiles.prefix + text }
        guard let extraction = FileExtraction(folder: folder, name: text, bytesMax: room) else {
            files.refuseExtraction()
            return
        }
        files.beginExtraction()
        file.readers.extraction = extraction
        file.readers.extractionName = name.bytes
        file.readers.wantedDigest = rule?.digest
        file.readers.waitsForRule = rule == nil
    }

    private mutating func endExtraction(_ file: SeenFile) {
        guard let extraction = file.readers.extraction else { return }
        guard !file.readers.waitsForRule || decide(file, extraction) else { return }
        var isKept = true
        if let wanted = file.readers.wantedDigest { isKept = filesRecord.hasDigest(wanted) }
        if !file.readers.waitsForRule { extraction.finish(keeping: isKept) }
        files.endExtraction(extraction.byteCount, isKept: isKept, hasFailed: extraction.hasFailed)
        guard isKept else { return }
        filesRecord.add(analyzer: "EXTRACT")
        let name = file.readers.extractionName
        filesRecord.extracted = filesRecord.contentText.add(name.octets)
        filesRecord.extractedWasCut = extraction.wasCut
        filesRecord.extractedBytes = extraction.byteCount
    }

    // MARK: signatures

    private mutating func exposeEnd(_ file: SeenFile) {
        // A timer may end a file, with another connection at work.
        guard let last = file.connections.last, last.uid == uid else { return }
        let (transaction, from) = (file.readers.transaction, file.direction)
        if file.readers.exposesContent {
            let none: [UInt8] = []
            exposePart(.fileData, none.octets, tx: transaction, from: from, instance: file.id.value, isLast: true)
            let name = file.name
            if file.hasName { expose(.fileName, name.octets, tx: transaction, from: from) }
        }
        if let type = file.type?.name { expose(.fileMagic, type.octets, tx: transaction, from: from) }
        exposeNumber(.fileSize, file.seenBytes, tx: transaction, from: from)
        expose(.fileMD5, filesRecord.md5, tx: transaction, from: from)
        expose(.fileSHA1, filesRecord.sha1, tx: transaction, from: from)
        expose(.fileSHA256, filesRecord.sha256, tx: transaction, from: from)
    }

    private mutating func expose(
        _ buffer: SignatureBuffer, _ digest: Text, tx transaction: UInt64, from direction: Direction
    ) {
        guard !digest.isAbsent else { return }
        let digits = Array(filesRecord.contentText[digest])
        expose(buffer, digits.octets, tx: transaction, from: direction)
    }
}
