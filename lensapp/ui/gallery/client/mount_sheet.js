// Where Streamlit meets a contact sheet.

import { ContactSheet } from "./contact_sheet.js";
import { mounting } from "./mounting.js";

const identity = ({ workspace, inspector, items, sources }) => [workspace, inspector, sources[items[0][1]].bands];

export default mounting('.contact', identity, (root, data) => new ContactSheet(root, data));
