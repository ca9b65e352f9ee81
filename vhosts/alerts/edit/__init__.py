"""Edit rules, maintenance windows and owners: checked, within a person's grants, with audit rows."""
