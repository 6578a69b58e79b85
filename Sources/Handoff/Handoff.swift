// SPDX-License-Identifier: Apache-2.0
//
// Incidents reach other systems.

package enum HandoffModule {}
