// SPDX-License-Identifier: Apache-2.0
//
// Other sensors' logs become rows.

package enum IngestModule {}
