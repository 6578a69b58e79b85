// SPDX-License-Identifier: Apache-2.0
//
// The files of a packet ring: one is written, the oldest goes when there are too many octets.
//
// Reads   chunks, in the order in which they come.
// Writes  RING/SENSOR-000017.packets, and its .index when it is closed.
// Leaves  threads and queues (`PacketRing`).
//
// A block is one write, with a checksum: what a killed writer left of its last one is recognised and not read. The
// index of a file that a killed writer had open is made by the next.

internal import Foundation
internal import Records

/// One file of packets with its index, as the folder shows it.
struct PacketFile {
    var number: Int
    /// Without `.packets` or `.index`.
    var stem: String
    var byteCount: Int

    var packets: String { stem + ".packets" }
    var index: String { stem + ".index" }

    /// The files of a ring, oldest first; none where there is no ring.
    static func all(_ folder: String) -> [PacketFile] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap { name in
            guard name.hasSuffix(".packets"), !name.hasPrefix("."), let dash = name.lastIndex(of: "-") else {
                return nil
            }
            let digits = name[name.index(after: dash)...].dropLast(".packets".count)
            guard Leftovers.isNumber(digits), let number = Int(digits) else { return nil }
            let stem = "\(folder)/\(name.dropLast(".packets".count))"
            return PacketFile(
                number: number, stem: stem,
                byteCount: StoreFile.byteCount(stem + ".packets") + StoreFile.byteCount(stem + ".index"))
        }.sorted { ($0.number, $0.stem) < ($1.number, $1.stem) }
    }
}

/// Used by one thread.
// Safe: made by one thread and then used by another alone.
@safe final class PacketRingWriter: @unchecked Sendable {
    private let settings: PacketRingSettings
    private var lock: StoreLock?
    private var files: [PacketFile]
    private var open: (file: OutputFile, index: PacketIndexBuilder)?
    private var buffer: [UInt8] = []

    init(_ settings: PacketRingSettings) throws(StoreError) {
        self.settings = settings
        try StoreFile.makeFolder(settings.folder)
        lock = try StoreLock(path: settings.folder + "/.lock")
        files = PacketFile.all(settings.folder)
        for place in files.indices where !StoreFile.exists(files[place].index) {
            PacketRingWriter.close(files[place])
            files[place].byteCount += StoreFile.byteCount(files[place].index)
        }
        try makeRoom()
    }

    /// Writes the index of a file that was left open; one without a whole block goes.
    private static func close(_ file: PacketFile) {
        guard let mapped = try? MappedSegment(path: file.packets) else { return }
        var (index, wholeBytes) = PacketIndexBuilder.scan(mapped)
        guard wholeBytes > 0 else { return StoreFile.remove(file.packets) }
        try? write(index.encoded(fileBytes: mapped.byteCount), to: file.index)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(StoreError) {
        let temporary = path + ".tmp"
        let output = try OutputFile(path: temporary, replacing: true)
        do {
            try output.write(bytes)
            output.close()
            try StoreFile.rename(temporary, to: path)
        } catch {
            output.close()
            StoreFile.remove(temporary)
            throw error
        }
    }

    /// Writes a chunk as one block and answers how many octets that are. Throws `.full`, `.unwritable`.
    func write(_ chunk: PacketChunk) throws(StoreError) -> Int {
        guard chunk.packetCount > 0 else { return 0 }
        if let free = StoreFile.freeByteCount(settings.folder), free < settings.reserveBytes {
            throw StoreFile.full(settings.folder)
        }
        buffer.removeAll(keepingCapacity: true)
        PacketBlockHeader.write(chunk, to: &buffer)
        if open == nil { try begin() }
        guard let file = open?.file else { return 0 }
        let place = PacketBlockPlace(
            offset: file.byteCount, byteCount: buffer.count, oldest: chunk.oldest, newest: chunk.newest)
        do { try file.write(buffer) } catch {
            // A part of the block may be there: the file ends with it.
            try? closeFile()
            throw error
        }
        open?.index.add(place, chunk.flows)
        if file.byteCount >= settings.fittingFileBytes || open?.index.isFull == true { try closeFile() }
        return buffer.count
    }

    /// Closes the open file and lets the ring go.
    func finish() throws(StoreError) {
        defer { lock = nil }
        try closeFile()
    }

    private func begin() throws(StoreError) {
        try makeRoom()
        let number = (files.last?.number ?? 0) + 1
        let name = StoreWriter.fileName(settings.sensorName)
        let stem = "\(settings.folder)/\(name)-\(StoreWriter.digits(Int64(number), 6))"
        open = (try OutputFile(path: stem + ".packets"), PacketIndexBuilder())
        files.append(PacketFile(number: number, stem: stem, byteCount: 0))
    }

    private func closeFile() throws(StoreError) {
        guard let (file, built) = open.take(), let last = files.indices.last else { return }
        var index = built
        file.close()
        let bytes = index.encoded(fileBytes: StoreFile.byteCount(file.path))
        files[last].byteCount = StoreFile.byteCount(file.path) + bytes.count
        try PacketRingWriter.write(bytes, to: files[last].index)
    }

    /// Removes the oldest files until another one fits.
    private func makeRoom() throws(StoreError) {
        var bytes = files.reduce(0) { $0 + $1.byteCount }
        while let oldest = files.first, bytes > settings.byteCount - settings.fittingFileBytes {
            StoreFile.remove(oldest.packets)
            StoreFile.remove(oldest.index)
            bytes -= oldest.byteCount
            files.removeFirst()
        }
    }
}
