// SPDX-License-Identifier: Apache-2.0
//
// What an operation does to what it is about, out of its name.
//
// Reads   names such as `CreateUser`, `v1.compute.instances.insert`, `MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE`.
// Writes  create, read, update, delete, other: OCSF's activities of class 6003.
// Leaves  whether the call succeeded.

/// The first word of an operation decides, as providers name them verb first.
enum CloudVerb {
    private static let create: Set<String> = [
        "create", "run", "launch", "allocate", "register", "insert", "import", "copy", "generate", "issue", "upload",
        "post", "provision", "clone", "publish", "request", "invite", "new",
    ]
    private static let read: Set<String> = [
        "get", "list", "describe", "head", "lookup", "search", "query", "scan", "read", "view", "download", "select",
        "filter", "simulate", "validate", "preview", "estimate", "check", "aggregated", "watch", "fetch", "select",
        "export", "count", "sample", "test", "discover", "retrieve", "access",
    ]
    private static let update: Set<String> = [
        "update", "put", "modify", "set", "attach", "detach", "associate", "disassociate", "enable", "disable", "add",
        "change", "tag", "untag", "start", "stop", "reboot", "restore", "reset", "replace", "patch", "write", "edit",
        "authorize", "grant", "move", "rename", "rotate", "activate", "deactivate", "suspend", "resume", "upgrade",
        "downgrade", "configure", "subscribe", "unsubscribe", "merge", "transfer", "accept", "approve", "assign",
        "unassign", "apply", "share", "unshare", "upsert", "consent", "restart",
    ]
    private static let delete: Set<String> = [
        "delete", "terminate", "remove", "deregister", "release", "cancel", "purge", "destroy", "revoke", "drop",
        "unregister", "hard", "soft", "wipe",
    ]

    /// - Parameter operation: the operation's name, UTF-8.
    static func activity(_ operation: ArraySlice<UInt8>) -> StaticString {
        if let last = operation.lastIndex(of: 0x2F) {
            // Azure's operations end in their verb.
            switch word(operation[(last + 1)...]) {
            case "write": return "update"
            case "read": return "read"
            case "delete": return "delete"
            case "action": return "other"
            default: break
            }
        }
        var tail = operation
        if let dot = operation.lastIndex(where: { $0 == 0x2E || $0 == 0x2F }), dot + 1 < operation.endIndex {
            tail = operation[(dot + 1)...]
        }
        let verb = word(tail)
        if create.contains(verb) { return "create" }
        if read.contains(verb) { return "read" }
        if delete.contains(verb) { return "delete" }
        return update.contains(verb) ? "update" : "other"
    }

    /// The first word in lower case: up to a capital inside it, a digit, or anything that is no letter.
    private static func word(_ text: ArraySlice<UInt8>) -> String {
        var found: [UInt8] = []
        var hasLower = false
        for octet in text.prefix(24) {
            let lowered = octet | 0x20
            guard (0x61...0x7A).contains(lowered) else { break }
            let isCapital = octet == octet & ~0x20
            if isCapital, hasLower { break }
            hasLower = hasLower || !isCapital
            found.append(lowered)
        }
        return String(decoding: found, as: UTF8.self)
    }
}
