// SPDX-License-Identifier: Apache-2.0
//
// All loaded rules and the pools that their ranges point into.
//
// Reads   nothing.
// Writes  nothing: made once by RuleLoader, then shared by all workers.
// Leaves  what a rule has seen so far (the engine).

package import Records

/// The rules, in the order in which they are evaluated: action, then what they do
/// with flowbits, then priority, then as loaded. Immutable, so that workers share it.
package final class RuleSet: Sendable {
    package let rules: [Rule]
    package let buffers: [BufferTest]
    package let steps: [MatchStep]
    package let packetTests: [PacketTest]
    package let stateTests: [StateTest]
    package let transactionTests: [TransactionTest]
    package let effects: [Effect]
    package let limits: [RuleLimit]
    /// Chains of changes to a buffer; the first is the empty one.
    package let transforms: [[Transform]]
    package let captures: [Capture]
    package let regexes: [Regex]
    package let datasets: [Dataset]
    package let hashLists: [FileHashList]
    package let addressSets: [AddressSet]
    package let portSets: [PortSet]
    /// Numbers of flowbits, flowints, xbits and captured variables: one space.
    package let variableNames: [String]
    /// Elements of `a|b` lists of names.
    package let nameLists: [UInt16]
    /// Numbers and ranges of `dcerpc.opnum` and TLS versions.
    package let numberTests: [NumberTest]
    package let classifications: [Classification]
    package let references: [Reference]
    /// Prefixes of references by type, in lower case: what makes `cve` a URL.
    package let referencePrefixes: [String: String]
    /// Rules that did not load.
    package let refusedCount: Int
    /// Paths of the rule files.
    package let files: [String]
    /// Octets of contents, lower-cased where the content is caseless.
    package let patterns: [UInt8]
    /// Messages, metadata, names of events.
    package let text: [UInt8]
    /// IP reputation: the categories and the lists beside the rule file.
    package let reputation: Reputation
    /// Countries of addresses, where a file is given (`geoip`).
    package let countries: AddressDatabase?
    /// Buffers that some rule looks at.
    package let wanted: SignatureBufferSet

    init(_ builder: consuming RuleSetBuilder, refusedCount: Int = 0) {
        self.refusedCount = refusedCount
        rules = builder.ordered()
        buffers = builder.buffers
        steps = builder.steps
        packetTests = builder.packetTests
        stateTests = builder.stateTests
        transactionTests = builder.transactionTests
        effects = builder.effects
        limits = builder.limits
        transforms = builder.transforms.values
        captures = builder.captures
        regexes = builder.regexes
        datasets = builder.datasets
        hashLists = builder.hashLists
        addressSets = builder.addressSets.values
        portSets = builder.portSets.values
        variableNames = builder.variableNames.values
        nameLists = builder.nameLists
        numberTests = builder.numberTests
        classifications = builder.classifications
        references = builder.references
        referencePrefixes = builder.referencePrefixes
        files = builder.files
        patterns = builder.patterns
        text = builder.text
        reputation = builder.reputation
        countries = builder.countries
        wanted = builder.wanted
    }

    /// The octets of a text as a string; for messages and logs, never on the packet path.
    package func string(_ range: TextRange) -> String {
        String(decoding: text[range.indices], as: UTF8.self)
    }
}

/// A line of classification.config.
package struct Classification: Hashable, Sendable {
    package var name: String
    package var description: String
    package var priority: UInt8
}

/// A `reference:` with the prefix that reference.config gives its type.
package struct Reference: Sendable, BitwiseCopyable {
    /// Into `RuleSet.text`: `cve`, and `2021-44228`.
    package var type: TextRange
    package var value: TextRange
}
