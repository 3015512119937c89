// Who has a role in the project; invitations; the project's own roles.

import { commands } from "../commands.js";
import { h, icon } from "../ui/dom.js";
import { confirmDialog, openDialog } from "../ui/dialog.js";
import { field, form, select, textInput } from "../ui/form.js";
import { badge, copyButton, empty, moment, pageHead } from "../ui/parts.js";
import { PAGE, pagedTable, table } from "../ui/table.js";
import { toast, toastError } from "../ui/toast.js";

export const title = () => "Users";

export async function render({ api, signal, can, navigate }) {
  const { items: roles } = await api.roles(signal);
  const names = roles.map((one) => one.role);
  const may = can("users:write");
  const again = () => navigate("#/users");
  const act = (work, said) => async (...what) => {
    try {
      if ((await work(...what)) === false) return;
      toast(said(...what));
      members.restart();
      invitations.restart();
    } catch (error) {
      toastError(error);
    }
  };
  const members = pagedTable({
    caption: "Users of the project", signal,
    columns: memberColumns({
      may, names,
      setRole: act((member, role) => api.setMember(member.name, role), (member, role) => `${member.name} is ${role} now.`),
      reset: act((member) => resetFactors({ api, member }), (member) => `${member.name} signs in with the password alone now.`),
      block: act((member) => block({ api, member }), (member) => (member.blocked ? `${member.name} may sign in again.` : `Blocked ${member.name}.`)),
      remove: act((member) => removeMember({ api, member }), (member) => `${member.name} has no role here any more.`),
    }),
    load: (after) => api.members({ after, limit: PAGE }, signal),
    none: () => empty({ title: "No users", text: "Invite the first one; the link makes one user.", command: commands.invite }),
  });
  const invitations = pagedTable({
    caption: "Invitations", signal,
    columns: invitationColumns({ may, withdraw: act((one) => api.withdrawInvitation(one.id), () => "Withdrew the invitation.") }),
    load: (after) => api.invitations({ after, limit: PAGE }, signal),
    none: () => h("p", { class: "hint" }, "Nobody is invited."),
  });
  const invite = may && h("button", { type: "button", class: "primary", on: { click: () => inviteDialog({ api, names, done: () => invitations.restart() }) } }, icon("plus"), "Invite");
  const newRole = may && h("button", { type: "button", on: { click: () => roleDialog({ api, done: again }) } }, "New role");
  return h("div", {}, pageHead("Users", { lead: "Who may do what in this project.", actions: [newRole, invite] }),
    members.element,
    h("h2", { class: "below" }, "Invitations"), invitations.element,
    h("h2", { class: "below" }, "Roles"), rolesTable(roles, may && ((role) => removeRole({ api, role, done: again }))));
}

function memberColumns({ may, names, setRole, reset, block, remove }) {
  const roleOf = (member) => {
    if (!may) return member.role;
    const control = select(names.map((one) => [one, one]), { value: member.role, "aria-label": `Role of ${member.name}` });
    control.addEventListener("change", () => setRole(member, control.value));
    return control;
  };
  const small = (text, member, action) => h("button", { type: "button", class: "small danger", "aria-label": `${text} ${member.name}`, on: { click: () => action(member) } }, text);
  return [
    { label: "User", class: "grow", cell: (member) => member.name },
    { label: "Kind", cell: (member) => member.kind },
    { label: "Role", cell: roleOf },
    { label: "Since", cell: (member) => moment(member.since) },
    { label: "State", cell: (member) => (member.blocked ? badge("blocked", "bad") : badge("active", "ok")) },
    { label: "", cell: (member) => may && h("div", { class: "actions" }, small("Reset factors", member, reset), small(member.blocked ? "Unblock" : "Block", member, block), small("Remove", member, remove)) },
  ];
}

function invitationColumns({ may, withdraw }) {
  return [
    { label: "Invitation", class: "grow", cell: (one) => h("span", { class: "mono" }, one.id) },
    { label: "Role", cell: (one) => one.role },
    { label: "Ends", cell: (one) => moment(one.expires) },
    { label: "", cell: (one) => may && h("button", { type: "button", class: "small danger", "aria-label": `Withdraw ${one.id}`, on: { click: () => withdraw(one) } }, "Withdraw") },
  ];
}

const rolesTable = (roles, remove) => table({
  caption: "Roles",
  columns: [
    { label: "Role", cell: (one) => one.role },
    { label: "Made", cell: (one) => (one.built_in ? "built in" : "the project's") },
    { label: "Scopes", class: "grow", cell: (one) => h("span", { class: "mono wrap" }, one.scopes.join(" ")) },
    { label: "", cell: (one) => remove && !one.built_in && h("button", { type: "button", class: "small danger", "aria-label": `Remove the role ${one.role}`, on: { click: () => remove(one.role) } }, "Remove") },
  ],
  rows: roles,
});

async function block({ api, member }) {
  const sure = member.blocked || await confirmDialog({ title: "Block the user?", text: [h("strong", { class: "wrap" }, member.name), " is signed out everywhere at once, and so are the user's keys."], action: "Block the user" });
  return sure ? api.blockUser(member.name, !member.blocked) : false;
}

async function resetFactors({ api, member }) {
  const sure = await confirmDialog({ title: "Remove the second factors?", text: [h("strong", { class: "wrap" }, member.name), " is signed out everywhere, and signs in with the password alone until the next one is set up."], action: "Remove them" });
  return sure ? api.resetFactors(member.name) : false;
}

async function removeMember({ api, member }) {
  const sure = await confirmDialog({ title: "Take the role away?", text: [h("strong", { class: "wrap" }, member.name), " is signed out of this project at once."], action: "Take it away" });
  return sure ? api.removeMember(member.name) : false;
}

function inviteDialog({ api, names, done }) {
  const role = select(names.map((one) => [one, one]), { value: "developer" });
  const opened = openDialog({
    title: "Invite somebody",
    content: form({
      fields: [field({ label: "Role", name: "role", control: role, hint: "What the new user may do in this project." })],
      submit: "Make a link",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        const created = await api.invite(role.value);
        opened.close();
        await opened.closed;
        done();
        showLink(created);
      },
    }),
  });
}

function showLink(created) {
  const opened = openDialog({
    title: "The invitation",
    wide: true,
    content: [
      h("p", {}, "This link makes one user; it ends ", moment(created.expires), ". It is shown this once."),
      h("div", { class: "secret" }, h("code", {}, created.url), copyButton(created.url, "link")),
      h("div", { class: "actions end" }, h("button", { type: "button", class: "primary", on: { click: () => opened.close() } }, "Done")),
    ],
  });
}

async function removeRole({ api, role, done }) {
  try {
    await api.removeRole(role);
    toast(`Removed the role ${role}.`);
    done();
  } catch (error) {
    toastError(error);
  }
}

function roleDialog({ api, done }) {
  const name = textInput({ placeholder: "release-manager", autofocus: true });
  const scopes = h("textarea", { rows: 4, spellcheck: "false", placeholder: "objects:write:releases/*\nnames:write" });
  const opened = openDialog({
    title: "A role of the project",
    wide: true,
    content: form({
      fields: [
        field({ label: "Role", name: "role", control: name }),
        field({ label: "Scopes", name: "scopes", control: scopes, hint: "One a line, on everything or with a pattern behind it. You can give no more than you have." }),
      ],
      submit: "Set",
      onCancel: () => opened.close(),
      onSubmit: async () => {
        await api.putRole(name.value.trim(), scopes.value.split(/\s+/).filter(Boolean));
        opened.close();
        toast(`Set the role ${name.value.trim()}.`);
        done();
      },
    }),
  });
}
