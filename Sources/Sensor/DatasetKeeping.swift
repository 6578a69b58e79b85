// SPDX-License-Identifier: Apache-2.0
//
// Data sets of rules that are kept from run to run (`dataset: save`, `state`).
//
// Reads   the sets.
// Writes  a file for each that has changed, whole or not at all.
// Leaves  reading them (Signatures/RuleFiles.swift).

package import Signatures

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension RuleSet {
    /// Writes the sets that have changed. Answers a line for each that could not be written.
    package func saveDatasets() -> [String] {
        var complaints: [String] = []
        for set in datasets {
            guard let path = set.savePath, let lines = set.changedLines() else { continue }
            do {
                let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try Data(lines).write(to: URL(fileURLWithPath: path), options: .atomic)
            } catch {
                set.markChanged()
                complaints.append(
                    "\(path): the data set \(set.name) cannot be written; check the folder of signatures.data")
            }
            if set.dropped > 0 {
                complaints.append("the data set \(set.name) is full: \(set.dropped) values found no room")
            }
        }
        return complaints
    }
}
