// SPDX-License-Identifier: Apache-2.0
//
// The whole of rule reading and walking for arbitrary octets, as a fuzzer wants it.
//
// Reads   any octets.
// Writes  nothing: it ends or traps.
// Leaves  the fuzzer itself (Tests/Fuzzing).

import Wire

package enum RuleFuzzing {
    /// Reads the octets as a rule file, without looking up files that rules name, then walks with every rule that
    /// loads over the same octets.
    package static func read(_ octets: [UInt8]) {
        guard var loader = try? RuleLoader() else { return }
        loader.load(octets, name: "fuzz", folder: nil)
        let loaded = loader.finished()
        let walker = Walker(loaded.set)
        var changed: [UInt8] = []
        for test in loaded.set.buffers {
            walker.transform(test.transforms, octets.octets, into: &changed)
            let copy = changed
            _ = walker.matches(test, copy.octets)
            _ = walker.matches(
                test, copy.octets, Walker.Window(streamOffset: 100, isComplete: false, isLittleDCE: true))
        }
    }
}
