// SPDX-License-Identifier: Apache-2.0
//
// The cloud_audit table: one call to a cloud's interface, whoever the provider.
//
// Reads   nothing: the normalisers fill it.
// Writes  rows of `LogID.cloudAudit`.
// Leaves  the provider's own names, which the raw record keeps.

package import Records

/// One record of an audit log, in one form for all providers. The columns carry what
/// OCSF's API Activity (class 6003) asks for.
package struct CloudAuditRecord: LogRecord {
    package var ts = Timestamp.zero
    package var arrival: Timestamp?
    package var provider: StaticString = "aws"
    package var shape: StaticString = "cloudtrail"
    package var identity = Text.absent
    package var account = Text.absent
    package var region = Text.absent
    package var service = Text.absent
    package var operation = Text.absent
    package var activity: StaticString = "other"
    package var category = Text.absent
    package var outcome: StaticString?
    package var errorCode = Text.absent
    package var errorMessage = Text.absent
    package var actorID = Text.absent
    package var actorName = Text.absent
    package var actorType = Text.absent
    package var actorARN = Text.absent
    package var actorAccount = Text.absent
    package var credential = Text.absent
    package var issuer = Text.absent
    package var invokedBy = Text.absent
    package var sourceAddress: Address?
    package var sourceDomain = Text.absent
    package var userAgent = Text.absent
    package var resources: [Text] = []
    package var resourceTypes: [Text] = []
    package var requestID = Text.absent
    package var correlation = Text.absent
    package var related = Text.absent
    package var hasMFA: Bool?
    package var isReadOnly: Bool?
    package var tlsVersion = Text.absent
    package var tlsHost = Text.absent
    package var endpoint = Text.absent
    package var ocsfClass: UInt64 = 6003
    package var raw = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.cloudAudit
    package static let summary: StaticString = "Calls to the interfaces of clouds, out of their audit logs."

    package func write(to row: inout RowBatch) {
        row.time("ts", ts, "When it happened; where the record does not say, when it was read.")
        row.time("ingest_ts", arrival, "When the provider took the record in, where it says so.")
        row.enumeration("provider", provider, "aws, azure, m365, gcp, and others whose records are kept as they are.")
        row.enumeration("shape", shape, "In which of the provider's forms the record came.")
        row.text("record_id", identity, in: text, "The provider's own identity of it, else a digest.", isKey: true)
        row.text("account", account, in: text, "Account, subscription or tenant, project.", isKey: true)
        row.text("region", region, in: text, "Region or location.")
        row.text("service", service, in: text, "Service that was called.")
        row.text("operation", operation, in: text, "What was asked of it, in the provider's words.", isKey: true)
        row.enumeration("activity", activity, "create, read, update, delete or other.")
        row.text("category", category, in: text, "The provider's kind of event or log.")
        row.enumeration("outcome", outcome, "success or failure.")
        row.text("error_code", errorCode, in: text, "Why it failed, as a code.")
        row.text("error_message", errorMessage, in: text, "Why it failed, in words.")
        row.text("actor_id", actorID, in: text, "Identity of who asked.", isKey: true)
        row.text("actor_name", actorName, in: text, "Name or mail address of who asked.", isKey: true)
        row.text("actor_type", actorType, in: text, "Kind of identity: IAMUser, AssumedRole, serviceAccount.")
        row.text("actor_arn", actorARN, in: text, "Full name of the principal: an ARN, an object id.", isKey: true)
        row.text("actor_account", actorAccount, in: text, "Account that the actor belongs to.")
        row.text("credential_id", credential, in: text, "Access key, service account key or token.", isKey: true)
        row.text("session_issuer", issuer, in: text, "Role that the session was made from.")
        row.text("invoked_by", invokedBy, in: text, "Service that asked on the actor's behalf.")
        row.address("src_ip", sourceAddress, "Address that the call came from.")
        row.text("src_domain", sourceDomain, in: text, "Where it came from, if that is no address.")
        row.text("user_agent", userAgent, in: text, "The caller's program.")
        row.textVector("resources", resources.isEmpty ? nil : resources, in: text, "What it was about.")
        row.textVector(
            "resource_types", resourceTypes.isEmpty ? nil : resourceTypes, in: text, "Their types, in the same order.")
        row.text("request_id", requestID, in: text, "The request's identity.", isKey: true)
        row.text("correlation_id", correlation, in: text, "What ties one operation's records together.", isKey: true)
        row.text("related_id", related, in: text, "The record that this one corrects, or its pair in another account.")
        row.boolean("mfa", hasMFA, "Whether the actor had shown a second factor.")
        row.boolean("read_only", isReadOnly, "Whether the provider says that it changes nothing.")
        row.text("tls_version", tlsVersion, in: text, "TLS version of the call.")
        row.text("tls_host", tlsHost, in: text, "Host that the caller named in TLS.", isKey: true)
        row.text("vpc_endpoint", endpoint, in: text, "Private endpoint that the call came through.")
        row.count("ocsf_class", ocsfClass, "OCSF class: 6003 API activity, 3001 account change, 3002 authentication.")
        row.verbatim("raw", raw, in: text, "The record as it came, octet for octet.")
    }

    /// A text of the record; nil where it has none.
    package func string(_ text: Text) -> String? {
        text.isAbsent ? nil : String(decoding: self.text[text], as: UTF8.self)
    }

    /// Blank again; keeps memory.
    package mutating func clear() {
        var kept = text
        kept.clear()
        let (lists, types) = (resources, resourceTypes)
        text = TextBuffer()
        self = CloudAuditRecord()
        text = kept
        resources = lists
        resourceTypes = types
        resources.removeAll(keepingCapacity: true)
        resourceTypes.removeAll(keepingCapacity: true)
    }
}
