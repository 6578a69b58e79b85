// SPDX-License-Identifier: Apache-2.0
// Captures given by an operator, as one run of packets.
//
// Reads   files, folders and standard input, in the order of their first packets.
// Writes  blocks of packets, one after another, and warnings about what could not be read.
// Leaves  the clock, workers and exit status to its caller.

/// How captures are read.
package struct CaptureOptions: Sendable {
    /// What cannot be read becomes a warning instead of an error.
    package var isLenient: Bool
    /// An expression of pcap-filter(7); packets that it refuses are not delivered.
    package var filter: String?

    package init(isLenient: Bool = false, filter: String? = nil) {
        self.isLenient = isLenient
        self.filter = filter
    }
}

/// One capture of a run.
package struct CaptureFile: Sendable, Equatable {
    /// As it was given or found; `-` is standard input.
    package var path: String
    /// Size on disk in octets; nil for pipes.
    package var byteCount: Int?
    /// Nil when the capture is cut inside its header.
    package var format: CaptureFormat?
    package var isGzip: Bool
    /// Nil when there is no packet, or when it was not looked for (a pipe alone has no order).
    package var firstPacketNanoseconds: Int64?
}

/// Every packet of a list of paths, in blocks.
///
/// All paths are looked at when the source is made, so that a wrong one is reported before anything is
/// read. One thread reads; it may go on with another block while the packets of the last are worked on.
package struct CaptureSource {
    /// The captures in the order in which they are read.
    package private(set) var files: [CaptureFile] = []
    /// Captures that could be read in part only, or, when lenient, not at all.
    package private(set) var warnings: [CaptureWarning] = []
    /// Files below a given folder that are no captures, or empty. They are no reason for a warning.
    package private(set) var ignoredPaths: [String] = []
    /// Packets that the filter refused.
    package private(set) var filteredPackets = 0
    private var skippedPacketsBefore = 0

    private let options: CaptureOptions
    private var filter: PacketFilter?
    private var nextFile = 0
    private var reader: CaptureReader?
    /// Pipes that were looked at; they cannot be opened again.
    private var pipes: [String: CaptureReader] = [:]
    private var bytesBefore = 0

    /// A path that is to be probed.
    private struct Candidate {
        var path: String
        var isFromFolder = false
    }

    /// Looks at every path, and puts the captures in order.
    ///
    /// - Throws: the first thing that is wrong: a path that is missing, unreadable, empty or no capture, a
    ///   link type that is not decoded, a wrong filter. When lenient only a wrong filter is thrown.
    package init(paths: [String], options: CaptureOptions = CaptureOptions()) throws(CaptureError) {
        self.options = options
        if let expression = options.filter { filter = try PacketFilter(expression) }
        let candidates = try expand(paths)
        let scratch = PacketBlock()
        for candidate in candidates {
            do throws(CaptureError) {
                try add(candidate, scratch, wantsPipePacket: candidates.count > 1)
            } catch {
                try tolerate(error, candidate)
            }
        }
        // Equal and unknown times keep the order of the paths: the sort is stable, and unknown goes last.
        files.sort { ($0.firstPacketNanoseconds ?? .max) < ($1.firstPacketNanoseconds ?? .max) }
    }

    /// Fills `block` with the packets that follow; it may have none. False at the end of the last capture.
    ///
    /// - Throws: when not lenient, `unsupportedLinkType` for an interface met on the way, and what became
    ///   of a file since the source was made; `filter` when the expression does not fit a link type.
    package mutating func nextBlock(into block: PacketBlock) throws(CaptureError) -> Bool {
        while true {
            if reader == nil { reader = try openNext() }
            guard let current = reader else {
                block.release()
                return false
            }
            block.fileIndex = nextFile &- 1
            let outcome: ReadOutcome
            do throws(CaptureError) {
                outcome = try current.next(into: block)
            } catch {
                close(current)
                guard options.isLenient else { throw error }
                warnings.append(CaptureWarning(path: current.path, offset: 0, reason: error.reason))
                continue
            }
            warnings += current.warnings
            current.warnings.removeAll()
            switch outcome {
            case .block:
                if let filter { filteredPackets &+= try block.keep(filter) }
                return true
            case .end(let warning):
                if let warning { warnings.append(warning) }
                close(current)
            }
        }
    }

    /// Packets left out because nothing here decodes their link type.
    package var skippedPackets: Int { skippedPacketsBefore &+ (reader?.skippedPackets ?? 0) }

    /// Octets read so far, packed ones where a file is packed.
    package var bytesConsumed: Int { bytesBefore &+ (reader?.rawPosition ?? 0) }

    /// Octets there are to read; nil when a pipe is among the captures.
    package var bytesTotal: Int? {
        var total = 0
        for file in files {
            guard let byteCount = file.byteCount else { return nil }
            total &+= byteCount
        }
        return total
    }
}

// MARK: - Finding and opening

extension CaptureSource {
    private mutating func expand(_ paths: [String]) throws(CaptureError) -> [Candidate] {
        var candidates: [Candidate] = []
        var hasStandardInput = false
        for path in paths {
            if path == "-" {
                guard !hasStandardInput else {
                    throw CaptureError(
                        .repeatedStandardInput, "-", "standard input is given twice", advice: "give it once")
                }
                hasStandardInput = true
                candidates.append(Candidate(path: path))
                continue
            }
            do throws(CaptureError) {
                if try FileSystem.kind(of: path) == .folder {
                    let found = try FileSystem.files(below: path)
                    candidates += found.map { Candidate(path: $0, isFromFolder: true) }
                    if found.isEmpty { throw Self.noCaptures(path) }
                } else {
                    candidates.append(Candidate(path: path))
                }
            } catch {
                try tolerate(error, Candidate(path: path))
            }
        }
        return candidates
    }

    private mutating func add(
        _ candidate: Candidate, _ scratch: PacketBlock, wantsPipePacket: Bool
    ) throws(CaptureError) {
        let path = candidate.path
        var byteCount: Int?
        if path != "-", case .file(let size) = try FileSystem.kind(of: path) { byteCount = size }
        let reader = try Self.open(path, byteCount, options)
        let probe = try reader.probe(with: scratch, wantsPacket: byteCount != nil || wantsPipePacket)
        if let packet = probe.firstPacket { try filter?.prepare(linkType: packet.linkType) }
        if byteCount == nil { pipes[path] = reader }
        files.append(
            CaptureFile(
                path: path, byteCount: byteCount, format: probe.format, isGzip: probe.isGzip,
                firstPacketNanoseconds: probe.firstPacket?.timestampNanoseconds))
    }

    /// Turns an error about one path into a warning, where that is asked for, or lets it pass.
    private mutating func tolerate(_ error: CaptureError, _ candidate: Candidate) throws(CaptureError) {
        if candidate.isFromFolder, error.code == .notACapture || error.code == .empty {
            ignoredPaths.append(candidate.path)
        } else if options.isLenient, error.code != .filter {
            warnings.append(CaptureWarning(path: candidate.path, offset: 0, reason: error.reason))
        } else {
            throw error
        }
    }

    private static func open(
        _ path: String, _ byteCount: Int?, _ options: CaptureOptions
    ) throws(CaptureError) -> CaptureReader {
        let descriptor = path == "-" ? FileDescriptor(0, isOwned: false) : try FileSystem.open(path)
        return CaptureReader(
            path: path, descriptor: descriptor, byteCount: byteCount, isLenient: options.isLenient)
    }

    private mutating func openNext() throws(CaptureError) -> CaptureReader? {
        while nextFile < files.count {
            let file = files[nextFile]
            nextFile &+= 1
            if let pipe = pipes.removeValue(forKey: file.path) { return pipe }
            do throws(CaptureError) {
                // The size now, not then: a capture that is still being written has grown.
                guard case .file(let size) = try FileSystem.kind(of: file.path) else { continue }
                return try Self.open(file.path, size, options)
            } catch {
                guard options.isLenient else { throw error }
                warnings.append(CaptureWarning(path: file.path, offset: 0, reason: error.reason))
            }
        }
        return nil
    }

    private mutating func close(_ current: CaptureReader) {
        skippedPacketsBefore &+= current.skippedPackets
        bytesBefore &+= current.rawPosition
        reader = nil
    }

    private static func noCaptures(_ folder: String) -> CaptureError {
        CaptureError(.noCaptures, folder, "the folder has no files", advice: "give a folder with captures in it")
    }
}
