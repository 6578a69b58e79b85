// SPDX-License-Identifier: Apache-2.0
//
// Files that rules store (`filestore`): what passes is saved under a name of its own until a rule wants it, or its
// connection is over.
//
// Reads   files that are over, what rules want of the files of a transaction or a connection.
// Writes  names of files in the folder of extraction.
// Leaves  the octets (SeenFiles+Content.swift); which rule has matched (module Signatures).

import Files
package import Records

/// Files that wait for a rule. Bounded: where too many wait the oldest is removed.
struct StoredFiles {
    /// What a name begins with until the file is wanted.
    static let prefix = "waiting-"
    static let filesMax = 256
    static let wishesMax = 1024

    struct Waiting {
        var uid: UID
        var transaction: UInt64
        var direction: Direction
        var name: String
        var extraction: FileExtraction
    }

    /// What a rule has wanted: the files of a transaction, or all of a connection; of one side, or of both.
    struct Wish: Equatable {
        var uid: UID
        var transaction: UInt64?
        var direction: Direction?

        func means(_ uid: UID, _ transaction: UInt64, _ direction: Direction) -> Bool {
            self.uid == uid && (self.transaction ?? transaction) == transaction
                && (self.direction ?? direction) == direction
        }
    }

    var files: [Waiting] = []
    var wishes: [Wish] = []
}

extension AnalyzerContext {
    /// A file that waits for a rule is over: true where one has wanted it, and it has its name.
    mutating func decide(_ file: SeenFile, _ extraction: FileExtraction) -> Bool {
        extraction.finish(keeping: true)
        let name = String(decoding: file.readers.extractionName, as: UTF8.self)
        guard let uid = file.connections.last?.uid else { return forget(extraction) }
        let (transaction, direction) = (file.readers.transaction, file.direction)
        if files.waiting.wishes.contains(where: { $0.means(uid, transaction, direction) }) {
            return extraction.rename(to: name) || forget(extraction)
        }
        files.endExtraction(extraction.byteCount, isKept: true, hasFailed: extraction.hasFailed)
        files.waiting.files.append(
            StoredFiles.Waiting(
                uid: uid, transaction: transaction, direction: direction, name: name, extraction: extraction))
        if files.waiting.files.count > StoredFiles.filesMax {
            remove(files.waiting.files.removeFirst())
            files.refuseExtraction()
        }
        return false
    }

    /// Removes a file that has not been counted yet.
    private mutating func forget(_ extraction: FileExtraction) -> Bool {
        extraction.remove()
        files.endExtraction(0, isKept: false, hasFailed: true)
        return false
    }

    private mutating func remove(_ file: StoredFiles.Waiting) {
        file.extraction.remove()
        files.discardExtraction(file.extraction.byteCount)
    }

    /// A rule wants files of a connection: those that wait get their names, those to come are kept.
    package mutating func storeFiles(of uid: UID, transaction: UInt64?, direction: Direction?) {
        let wish = StoredFiles.Wish(uid: uid, transaction: transaction, direction: direction)
        files.waiting.files.removeAll { file in
            guard wish.means(file.uid, file.transaction, file.direction) else { return false }
            return file.extraction.rename(to: file.name)
        }
        // A rule may match a connection again and again.
        guard !files.waiting.wishes.contains(wish) else { return }
        guard files.waiting.wishes.count < StoredFiles.wishesMax else { return files.refuseExtraction() }
        files.waiting.wishes.append(wish)
    }

    /// The connection is over, and so are its rules: what nobody wanted is removed.
    package mutating func settleFiles(of uid: UID) {
        files.waiting.wishes.removeAll { $0.uid == uid }
        let unwanted = files.waiting.files.filter { $0.uid == uid }
        guard !unwanted.isEmpty else { return }
        files.waiting.files.removeAll { $0.uid == uid }
        for file in unwanted { remove(file) }
    }

    /// The run is over.
    package mutating func settleFiles() {
        let unwanted = files.waiting.files
        files.waiting = StoredFiles()
        for file in unwanted { remove(file) }
    }
}
