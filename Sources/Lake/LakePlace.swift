// SPDX-License-Identifier: Apache-2.0
//
// Where a lake is: a folder of a file system that all sensors see, or a bucket of an object store.
//
// Reads   the place as a person writes it.
// Writes  `LakePlace`.
// Leaves  what is in it (`FolderPlace`, `ObjectPlace`).

/// What became of a file that was put into a lake.
package enum PutOutcome: Sendable, Equatable {
    case written
    /// The same octets were there under this name already.
    case alreadyThere
}

/// Takes files under names that never change.
package protocol LakePlace {
    /// The place in one form of writing, for the list of what was shipped.
    var name: String { get }
    /// Puts the octets of a file under a key such as `log=conn/day=2026-11-22/north-000017.parquet`. They are there as
    /// a whole or not at all, and nobody reads a part. Throws `.conflict` where other octets have the key.
    func put(file: String, key: String) throws(LakeError) -> PutOutcome
}

package enum LakePlaces {
    /// `s3://bucket/prefix` or a path.
    package static func isObjectStore(_ text: String) -> Bool { text.hasPrefix("s3://") }

    /// Bucket and prefix of `s3://bucket/prefix`, the prefix without slashes at its ends. Throws `.place`.
    static func bucket(_ text: String) throws(LakeError) -> (bucket: String, prefix: String) {
        let rest = text.dropFirst("s3://".count)
        let bucket = rest.prefix { $0 != "/" }
        let isPlain = bucket.utf8.allSatisfy { octet in
            (0x61...0x7A).contains(octet) || (0x30...0x39).contains(octet) || octet == 0x2D || octet == 0x2E
        }
        guard isPlain, (3...63).contains(bucket.utf8.count) else {
            throw LakeError(
                .place, text, "this names no bucket",
                advice: "write s3://BUCKET/PREFIX; a bucket has 3 to 63 small letters, digits, dots and dashes")
        }
        let prefix = rest.dropFirst(bucket.count).split(separator: "/").joined(separator: "/")
        return (String(bucket), prefix)
    }
}
