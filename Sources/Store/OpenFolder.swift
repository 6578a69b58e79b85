// SPDX-License-Identifier: Apache-2.0
//
// Where segments stand until they are visible: STORE/.open/OWNER, a folder for each process that writes.
//
// Reads   the locks of the others, to tell who is still at work.
// Writes  its own folder; removes those whose owner is gone.
// Leaves  what is in them (`OpenSegments`, `Merger`), the one writer's lock (`StoreLock`).
//
// A lock ends with its process, however that ends: what a killed one left is known by its free lock, and what a
// living one has there nobody touches.

internal import Foundation

/// A folder for unfinished segments; it goes with the value.
final class OpenFolder: Sendable {
    let path: String
    private let lock: StoreLock

    private static let name = ".open"
    private static let lockName = ".lock"
    private static let triesMax = 8

    /// Makes a folder in the store `folder`, which has to be there. Throws `.unwritable`, `.full`, `.unreadable`.
    init(store folder: String) throws(StoreError) {
        var tries = 0
        while true {
            let path = "\(folder)/\(OpenFolder.name)/\(getpid())-\(UInt64.random(in: .min ... .max).hexadecimal)"
            do {
                try StoreFile.makeFolder(path)
                let lock = try StoreLock(path: "\(path)/\(OpenFolder.lockName)")
                // Somebody who tidied may have had the lock, and removed it, before it was taken here.
                if StoreFile.exists("\(path)/\(OpenFolder.lockName)") {
                    self.path = path
                    self.lock = lock
                    return
                }
            } catch {
                guard tries < OpenFolder.triesMax, error.code != .full else { throw error }
            }
            tries += 1
            guard tries <= OpenFolder.triesMax else { throw StoreFile.error("cannot be made", path, ENOENT) }
        }
    }

    deinit {
        OpenFolder.remove(path)
        withExtendedLifetime(lock) {}
    }

    /// Removes the folders whose owners are gone; answers whether one is left.
    @discardableResult
    static func removeAbandoned(_ folder: String) -> Bool {
        var isInUse = false
        let top = "\(folder)/\(name)"
        for owner in (try? FileManager.default.contentsOfDirectory(atPath: top)) ?? [] {
            let path = "\(top)/\(owner)"
            guard StoreFile.isFolder(path) else { continue }
            guard let lock = try? StoreLock(path: "\(path)/\(lockName)") else {
                isInUse = true
                continue
            }
            remove(path)
            withExtendedLifetime(lock) {}
        }
        return isInUse
    }

    private static func remove(_ path: String) {
        try? FileManager.default.removeItem(atPath: path)
    }
}
